//go:build unix

package chaos

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pulselearn/campus-hub/e2e/faults"
)

// TestDiskFull lets students work while the database has no space left, which
// it survives or not, and gives the space back. Nobody but the server is
// started again.
func TestDiskFull(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "postgres")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	disk, err := faults.NewDisk(dir, 256)
	if errors.Is(err, faults.ErrNoDisk) && os.Getenv("CI") != "true" {
		t.Skipf("NOT TESTED WITH A FULL DISK: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := disk.Close(); err != nil {
			t.Error(err)
		}
	})
	w := newWorld(t, run{binary: os.Args[0], engine: "kafka", data: dir})
	c := newCampus(w)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		c.study(rand.New(rand.NewPCG(1, 2)), stop)
	}()
	for range 3 {
		<-time.After(2 * time.Second)
		w.must("fill the disk", disk.Fill())
		w.await(20*time.Second, w.refused)
		<-time.After(2 * time.Second)
		w.must("free the disk", disk.Free())
		w.postgres.Start(t)
	}
	close(stop)
	<-done
	for group := range groups {
		if w.victims[group].ended() {
			t.Errorf("%s has given up", group)
		}
	}
	w.quiet(2 * time.Minute)
	v := w.check(c)
	t.Logf("report: after %d times without space: %s", strings.Count(w.postgres.Log(t), noSpace), v)
	if len(v.violations) > 0 || v.tally["applied"] == 0 {
		t.Error(v.report())
	}
}

const noSpace = "No space left on device"

// refused fails until the database has refused to write because the disk is
// full, again.
func (w *world) refused() error {
	n := strings.Count(w.postgres.Log(w.T), noSpace)
	if n <= w.refusals {
		return errors.New("the database has not noticed that its disk is full")
	}
	w.refusals = n
	return nil
}
