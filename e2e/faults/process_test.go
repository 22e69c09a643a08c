//go:build unix

package faults_test

import (
	"bufio"
	"io"
	"os/exec"
	"testing"
	"time"

	"github.com/pulselearn/campus-hub/e2e/faults"
)

func TestAPausedProcessGoesOnWhereItWas(t *testing.T) {
	cmd := exec.Command("cat")
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	p, err := faults.Run(cmd)
	must(t, err)
	t.Cleanup(func() { _ = p.Kill() })
	lines := make(chan string)
	go func() {
		for s := bufio.NewScanner(out); s.Scan(); {
			lines <- s.Text()
		}
	}()
	must(t, p.Pause())
	_, err = io.WriteString(in, "hello\n")
	must(t, err)
	select {
	case line := <-lines:
		t.Errorf("a paused process said %q", line)
	case <-time.After(100 * time.Millisecond):
	}
	must(t, p.Resume())
	if line := <-lines; line != "hello" {
		t.Errorf("a process that goes on said %q", line)
	}
	must(t, p.Kill())
	<-p.Ended()
	must(t, p.Kill()) // harmless
	if err := p.Pause(); err == nil {
		t.Error("a process that is gone was paused")
	}
}

func TestAPausedProcessCanBeKilled(t *testing.T) {
	p, err := faults.Run(exec.Command("sleep", "100"))
	must(t, err)
	must(t, p.Pause())
	must(t, p.Kill())
}

func TestTerminateWaits(t *testing.T) {
	p, err := faults.Run(exec.Command("sleep", "100"))
	must(t, err)
	must(t, p.Terminate(long))
}

func TestAProgramThatDoesNotExist(t *testing.T) {
	if _, err := faults.Run(exec.Command("/no/such/program")); err == nil {
		t.Error("it runs")
	}
}
