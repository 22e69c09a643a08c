//go:build unix

package e2e

import (
	"syscall"
	"testing"
	"time"

	"connectrpc.com/connect/v2"

	"github.com/pulselearn/campus-hub/platform/outbox"
)

// submitWhileLocked sends a command that cannot commit before release is
// called, and returns once its transaction waits.
func submitWhileLocked(t *testing.T, d *deployment) (release func(), answered <-chan error) {
	t.Helper()
	c := d.campus()
	k := c.newClass("drain", 1, 1)
	d.quiet(30 * time.Second)
	release = d.writing("quiz")
	result := make(chan error, 1)
	go func() {
		_, err := c.quizzes.SubmitQuiz(withKey(asStudent(t.Context(), k.students[0]), "drain"), k.submission(0, 0, true, time.Now().Add(-time.Hour)))
		result <- err
	}()
	select {
	case err := <-result:
		t.Fatalf("the command was answered while nobody could write: %v", err)
	case <-time.After(500 * time.Millisecond):
	}
	return release, result
}

// TestDrainFinishesCommands wants a command in flight to be answered, and its
// event to be published, after SIGTERM.
func TestDrainFinishesCommands(t *testing.T) {
	t.Parallel()
	d := deployHub(t)
	release, answered := submitWhileLocked(t, d)
	run := d.broker.now
	draining := d.broker.log.next("draining; a second signal")
	d.broker.signal(syscall.SIGTERM)
	<-draining
	release()
	if err := <-answered; err != nil {
		t.Errorf("the command in flight: %v", err)
	}
	if code := run.exit(t, 20*time.Second); code != 0 {
		t.Errorf("exit code %d, want 0:\n%s", code, d.broker.log.tail(5))
	}
	if left, err := outbox.Unpublished(t.Context(), d.dbs["quiz"]); err != nil || left != 0 {
		t.Errorf("%d events are left in the outbox, %v", left, err)
	}
	if n := d.count("quiz", "SELECT count(*) FROM attempts"); n != 1 {
		t.Errorf("%d attempts, want 1", n)
	}
}

// TestDrainIsBounded wants the process to end although a command does not.
func TestDrainIsBounded(t *testing.T) {
	t.Parallel()
	d := deployHub(t)
	d.broker.kill()
	d.broker.set("PL_DRAIN_TIMEOUT=1s")
	d.broker.startReady()
	release, answered := submitWhileLocked(t, d)
	defer release()
	run := d.broker.now
	begin := time.Now()
	d.broker.signal(syscall.SIGTERM)
	if code := run.exit(t, 20*time.Second); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	if took := time.Since(begin); took > 8*time.Second {
		t.Errorf("the drain took %s in spite of PL_DRAIN_TIMEOUT=1s", took)
	}
	if err := contains(d.broker.log.tail(40), "cut off"); err != nil {
		t.Error(err)
	}
	if err := <-answered; connect.CodeOf(err) != connect.CodeUnavailable && connect.CodeOf(err) != connect.CodeUnknown {
		t.Errorf("the command that was cut off: %v, want unavailable", err)
	}
}
