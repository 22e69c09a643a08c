//go:build unix

package typescript

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/pulselearn/campus-hub/e2e/faults"
	"github.com/pulselearn/campus-hub/internal/loopback"
)

// TestHub runs the tests of gen/sdk/ts at a hub, the embedded default as
// people run it, which the tests kill.
func TestHub(t *testing.T) {
	t.Parallel()
	Build(t)
	h := newHub(t)
	if err := h.start(); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /kill", answer(func() error { return h.process.Kill() }))
	mux.HandleFunc("POST /start", answer(h.start))
	control := httptest.NewServer(mux)
	t.Cleanup(control.Close)
	RunTests(t, 2, []string{"PL_HUB_URL=" + h.url, "PL_CONTROL=" + control.URL}, "e2e/typescript/sdk/dist/hub.test.js")
}

func answer(do func() error) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if err := do(); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	}
}

// A hub is a process that can be killed and started again at its address.
type hub struct {
	binary, log, url string
	environ          []string
	process          *faults.Process
}

func newHub(t *testing.T) *hub {
	dir := t.TempDir()
	h := &hub{binary: filepath.Join(dir, "hub"), log: filepath.Join(dir, "hub.log")}
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", h.binary, root+"/gen/cmd/hub").CombinedOutput(); err != nil {
		t.Fatalf("build the hub: %v\n%s", err, out)
	}
	addrs := [4]string{loopback.Must(t), loopback.Must(t), loopback.Must(t), loopback.Must(t)}
	_, port, _ := net.SplitHostPort(addrs[0])
	h.url = "http://localhost:" + port
	h.environ = append(os.Environ(), "PL_DATA_DIR="+filepath.Join(dir, "data"), "PL_HTTP_ADDR="+addrs[0], "PL_ADMIN_ADDR="+addrs[1],
		"PL_EMBEDDED_KAFKA_ADDR="+addrs[2], "PL_EMBEDDED_REGISTRY_ADDR="+addrs[3])
	t.Cleanup(func() {
		if h.process != nil {
			_ = h.process.Kill() // it may have been killed
		}
		if text, err := os.ReadFile(h.log); t.Failed() && err == nil {
			t.Logf("the end of the hub's log:\n%s", text[max(0, len(text)-4000):])
		}
	})
	return h
}

// start runs the hub and returns when it is ready.
func (h *hub) start() error {
	log, err := os.OpenFile(h.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(h.binary)
	cmd.Env, cmd.Stdout, cmd.Stderr = h.environ, log, log
	if h.process, err = faults.Run(cmd); err != nil {
		return err
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	late := time.NewTimer(time.Minute)
	defer late.Stop()
	for {
		res, err := http.Get(h.url + "/readyz")
		if err == nil {
			_ = res.Body.Close() // its status is all there is to know
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-h.process.Ended():
			return errors.New("the hub has ended")
		case <-late.C:
			return fmt.Errorf("the hub is not ready within a minute: %w", err)
		case <-tick.C:
		}
	}
}
