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

// newDisk makes a disk for the test.
func newDisk(t *testing.T, megabytes int) (dir string, disk *faults.Disk) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "disk")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	disk, err := faults.NewDisk(dir, megabytes)
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
	return dir, disk
}

// TestDiskFull lets students work while the database has no space left, which
// it survives or not, and gives the space back. Nobody but the server is
// started again.
func TestDiskFull(t *testing.T) {
	dir, disk := newDisk(t, 256)
	w := newWorld(t, run{binary: os.Args[0], engine: "kafka", data: dir})
	endure(w, func() {
		w.must("fill the disk", disk.Fill())
		w.await(w.refused)
		<-time.After(2 * time.Second)
		w.must("free the disk", disk.Free())
		w.postgres.Start(t)
	})
}

// TestBrokersDiskFull does that to the embedded broker, which dies while its
// disk is full.
func TestBrokersDiskFull(t *testing.T) {
	dir, disk := newDisk(t, 256)
	w := newWorld(t, run{binary: os.Args[0], engine: "kafka", records: dir})
	broker := w.victims["broker"]
	endure(w, func() {
		w.must("fill the disk", disk.Fill())
		<-time.After(3 * time.Second)
		broker.kill()
		w.must("free the disk", disk.Free())
		broker.start()
		broker.ready()
	})
}

// endure lets students work while something is done to the world three times,
// and wants the checker to find nothing.
func endure(w *world, disturb func()) {
	w.Helper()
	c := newCampus(w)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		c.study(rand.New(rand.NewPCG(1, 2)), stop)
	}()
	for range 3 {
		<-time.After(2 * time.Second)
		disturb()
	}
	close(stop)
	<-done
	for group := range groups {
		if w.victims[group].ended() {
			w.Errorf("%s has given up", group)
		}
	}
	w.quiet()
	v := w.check(c)
	w.Logf("report: %s; the database had no space %d times", v, strings.Count(w.postgres.Log(w.T), noSpace))
	if len(v.violations) > 0 || v.tally["applied"] == 0 {
		w.Error(v.report())
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
