//go:build unix

package faults_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/pulselearn/campus-hub/e2e/faults"
)

// envWatch makes the test binary a program that tells the time.
const envWatch = "FAULTS_WATCH"

func TestMain(m *testing.M) {
	if _, ok := os.LookupEnv(envWatch); ok {
		tellTime()
		return
	}
	os.Exit(m.Run())
}

// tellTime answers every line with the time of day and with what the monotonic
// clock has measured, in seconds.
func tellTime() {
	begin := time.Now()
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		fmt.Println(time.Now().Unix(), int(time.Since(begin).Seconds()))
	}
}

func TestAProcessHasAClockOfItsOwn(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), envWatch+"=1")
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	p, err := faults.RunWithClock(cmd)
	if errors.Is(err, faults.ErrNoClock) && os.Getenv("CI") != "true" {
		t.Skipf("NOT TESTED WITH CLOCKS THAT JUMP: %v", err)
	}
	must(t, err)
	t.Cleanup(func() { _ = p.Kill() })
	answers := bufio.NewReader(out)
	for _, ahead := range []time.Duration{0, 5 * time.Hour, -3 * time.Minute, 0} {
		must(t, p.SetClock(ahead))
		_, err := io.WriteString(in, "\n")
		must(t, err)
		var unix, measured int64
		_, err = fmt.Fscanln(answers, &unix, &measured)
		must(t, err)
		if d := time.Unix(unix, 0).Sub(time.Now().Add(ahead)); d.Abs() > 10*time.Second {
			t.Errorf("a clock that is %s ahead is off by %s", ahead, d)
		}
		if measured > 60 {
			t.Errorf("with a clock %s ahead %d s have passed on the monotonic one", ahead, measured)
		}
	}
	must(t, p.Kill())
	must(t, p.SetClock(time.Hour)) // harmless
}

func TestTheMachinesClockIsNotSet(t *testing.T) {
	p, err := faults.Run(exec.Command("sleep", "100"))
	must(t, err)
	t.Cleanup(func() { _ = p.Kill() })
	if p.SetClock(time.Hour) == nil {
		t.Error("the clock of a process that has the machine's was set")
	}
}
