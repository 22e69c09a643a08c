//go:build unix

// Package web_test uses the page as people do, in a real browser.
package web_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pulselearn/campus-hub/e2e/faults"
	"github.com/pulselearn/campus-hub/internal/loopback"
)

const (
	root = "../.."
	// within bounds the whole test, on a machine that does other things too.
	within = 4 * time.Minute
)

// TestPage lets a teacher and two students use the page: journey.js tells what
// they do. It kills the hub under them.
func TestPage(t *testing.T) {
	chromium := browser(t)
	install(t)
	h := newHub(t)
	h.start()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", "journey.js")
	cmd.Env = append(os.Environ(), "HUB_URL="+h.url, "CHROMIUM="+chromium)
	stderr := new(strings.Builder)
	cmd.Stderr = stderr
	orders, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	answers, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	complete := h.obey(orders, answers)
	if err := cmd.Wait(); err != nil || !complete {
		t.Errorf("the journey ended early: %v\n%s\nthe hub's log: %s", err, stderr, h.tail())
	}
}

// obey does to the hub what the journey asks for, until it ends. It returns
// whether the journey came to its end.
func (h *hub) obey(orders io.Reader, answers io.Writer) (complete bool) {
	lines := bufio.NewScanner(orders)
	for lines.Scan() {
		h.t.Log(lines.Text())
		switch lines.Text() {
		case "ORDER kill":
			if err := h.process.Kill(); err != nil {
				h.t.Error(err)
			}
		case "ORDER start":
			h.start()
		case "COMPLETE":
			complete = true
			continue
		default:
			continue
		}
		if _, err := fmt.Fprintln(answers, "done"); err != nil {
			h.t.Error(err)
		}
	}
	return complete
}

// browser returns the path of Chromium.
func browser(t *testing.T) string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	missing(t, "chromium is not installed: apt-get install chromium")
	return ""
}

// missing ends a test that lacks something. CI has to have it.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(what)
	}
	t.Skip("THE PAGE IS NOT TESTED: " + what)
}

// A hub is a process of the embedded default that can be killed and started
// again at the same address.
type hub struct {
	t       *testing.T
	binary  string
	dir     string
	url     string
	environ []string
	process *faults.Process
}

func newHub(t *testing.T) *hub {
	dir := t.TempDir()
	h := &hub{t: t, dir: dir, binary: filepath.Join(dir, "hub")}
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", h.binary, root+"/gen/cmd/hub").CombinedOutput(); err != nil {
		t.Fatalf("build the hub: %v\n%s", err, out)
	}
	addrs := [4]string{loopback.Must(t), loopback.Must(t), loopback.Must(t), loopback.Must(t)}
	_, port, _ := net.SplitHostPort(addrs[0])
	h.url = "http://localhost:" + port
	h.environ = append(os.Environ(), "PL_DATA_DIR="+filepath.Join(dir, "data"), "PL_HTTP_ADDR="+addrs[0], "PL_ADMIN_ADDR="+addrs[1],
		"PL_EMBEDDED_KAFKA_ADDR="+addrs[2], "PL_EMBEDDED_REGISTRY_ADDR="+addrs[3])
	return h
}

func (h *hub) logFile() string { return filepath.Join(h.dir, "hub.log") }

func (h *hub) tail() string {
	text, err := os.ReadFile(h.logFile())
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-4000):])
}

// start runs the hub and waits until it is ready.
func (h *hub) start() {
	h.t.Helper()
	log, err := os.OpenFile(h.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		h.t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(h.binary)
	cmd.Env, cmd.Stdout, cmd.Stderr = h.environ, log, log
	if h.process, err = faults.Run(cmd); err != nil {
		h.t.Fatal(err)
	}
	running := h.process
	h.t.Cleanup(func() { _ = running.Kill() }) // it may have been killed
	if err := h.awaitReady(); err != nil {
		h.t.Fatalf("the hub does not become ready: %v\n%s", err, h.tail())
	}
}

func (h *hub) awaitReady() error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for {
		res, err := http.Get(h.url + "/readyz")
		if err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-h.process.Ended():
			return errors.New("it has ended")
		case <-deadline:
			return errors.New("a minute has passed")
		case <-tick.C:
		}
	}
}
