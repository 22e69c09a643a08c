package cli

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"
)

// fakeHub is what this test binary does when dev starts it as a hub.
func fakeHub(kind string) {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	fmt.Println("ready")
	for range stop {
		if kind == "polite" {
			fmt.Println("drained")
			return
		}
	}
}

func startHub(t *testing.T, kind string, patience time.Duration) (*devServer, *bufio.Scanner) {
	t.Helper()
	t.Setenv("TEST_HUB", kind)
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	d := &devServer{app: &app{stdout: w, stderr: io.Discard}, root: t.TempDir(), ctx: t.Context(), patience: patience}
	if err := d.start(binary); err != nil {
		t.Fatal(err)
	}
	w.Close()
	lines := bufio.NewScanner(r)
	if !lines.Scan() || lines.Text() != "ready" {
		t.Fatalf("the hub said %q", lines.Text())
	}
	return d, lines
}

func TestDevDrainsItsHub(t *testing.T) {
	d, lines := startHub(t, "polite", time.Minute)
	if err := d.stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
	if !lines.Scan() || lines.Text() != "drained" {
		t.Errorf("the hub was not asked to drain: %q", lines.Text())
	}
	if err := d.stop(); err != nil {
		t.Errorf("stopping twice: %v", err)
	}
}

func TestDevKillsAHubThatDoesNotEnd(t *testing.T) {
	d, _ := startHub(t, "stubborn", 10*time.Millisecond)
	if err := d.stop(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("stop: %v", err)
	}
}
