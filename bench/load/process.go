//go:build linux

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A process is one part of the run.
type process struct {
	name  string
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines *bufio.Scanner
	log   string
}

// start starts a program whose standard error goes to a file in dir.
func start(ctx context.Context, dir, name, program string, args, env []string) (*process, error) {
	p := &process{name: name, cmd: exec.CommandContext(ctx, program, args...), log: filepath.Join(dir, name+".log")}
	log, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p.cmd.Stderr, p.cmd.Env = log, append(os.Environ(), env...)
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(unix.SIGTERM) }
	p.cmd.WaitDelay = 10 * time.Second
	p.cmd.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL}
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.lines = bufio.NewScanner(out)
	p.lines.Buffer(nil, 16<<20)
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return p, nil
}

// tell sends a word to the process.
func (p *process) tell(word string) error {
	_, err := io.WriteString(p.in, word+"\n")
	return err
}

// hear reads an answer.
func (p *process) hear(answer any) error {
	if !p.lines.Scan() {
		return fmt.Errorf("%s has ended: %s", p.name, p.lastWords())
	}
	return json.Unmarshal(p.lines.Bytes(), answer)
}

func (p *process) lastWords() string {
	text, _ := os.ReadFile(p.log)
	return strings.TrimSpace(string(text[max(0, len(text)-2000):]))
}

// rss returns the memory of the process that is in use, in bytes.
func (p *process) rss() int64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			return kib << 10
		}
	}
	return 0
}

// cpu returns how much processor time the process has used.
func (p *process) cpu() time.Duration {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	const tick = time.Second / 100 // sysconf(_SC_CLK_TCK) on every Linux
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * tick
}

// await asks an address until it says that it is ready.
func await(ctx context.Context, p *process, url string) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for {
		resp, err := get(ctx, url)
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-tick.C:
		case <-deadline:
			return fmt.Errorf("%s is not ready: %s", p.name, p.lastWords())
		case <-ctx.Done():
			return errors.Join(ctx.Err(), errors.New(p.name+" is not ready"))
		}
	}
}

// say tells the process that leads.
func say(answer any) error { return json.NewEncoder(os.Stdout).Encode(answer) }

// heard waits for the process that leads to say a word.
func heard(from *bufio.Scanner) (string, error) {
	if !from.Scan() {
		return "", errors.New("the process that leads has ended")
	}
	return from.Text(), nil
}

func get(ctx context.Context, url string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	return http.DefaultClient.Do(req)
}
