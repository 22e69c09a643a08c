//go:build unix

package e2e

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestClassroom lets the class of DEMO=1 meet twice on one hub: the second
// time it is the same class.
func TestClassroom(t *testing.T) {
	t.Parallel()
	d := deployHub(t, "PL_OIDC_ISSUER=") // its own
	login := strings.Replace(d.broker.url(), "127.0.0.1", "localhost", 1)
	for range 2 {
		class := d.program("classroom", filepath.Join(build(t, "", "classroom"), "classroom"),
			[]string{"-hub", d.broker.url(), "-pace", "20ms", "-attempts", "12", "-issuer", login})
		run := class.start()
		await(t, 60*time.Second, func() error {
			for _, want := range []string{"the class is open: 8 students, 3 quizzes", "right, attempt", "leaderboard", "slows down"} {
				if err := contains(run.stdout.String(), want); err != nil {
					return err
				}
			}
			return nil
		})
		class.signal(syscall.SIGINT)
		if code := run.exit(t, 5*time.Second); code != 0 {
			t.Errorf("SIGINT ended the classroom with exit code %d", code)
		}
	}
	if n := d.count("achievement", "SELECT count(*) FROM badges"); n == 0 {
		t.Error("nobody has earned a badge")
	}
	if n := d.count("userprofile", "SELECT count(*) FROM users"); n != 12 {
		t.Errorf("%d users after two lessons, want the same 8 and the 4 that were there", n)
	}
}
