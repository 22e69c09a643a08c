package faults

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// A Process is a running program that faults are done to. Its methods may be
// called by several goroutines.
type Process struct {
	process *os.Process
	ended   chan struct{}
	clock   int64 // where its clock is set; 0: it has the machine's
}

// Run starts cmd. The kernel kills it when the calling process dies, where the
// system can do that.
//
// Of cmd's SysProcAttr the Credential counts.
func Run(cmd *exec.Cmd) (*Process, error) {
	attr := endWithParent()
	if cmd.SysProcAttr != nil {
		attr.Credential = cmd.SysProcAttr.Credential
	}
	return run(cmd, attr, func(int) error { return nil })
}

// run starts cmd. born is called by the thread that has started it.
func run(cmd *exec.Cmd, attr *syscall.SysProcAttr, born func(pid int) error) (*Process, error) {
	cmd.SysProcAttr = attr
	p := &Process{ended: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The kernel takes the end of the thread that started the program for
		// the end of its parent.
		runtime.LockOSThread()
		err := cmd.Start()
		if err == nil {
			if err = born(cmd.Process.Pid); err != nil {
				_ = cmd.Process.Kill()
				_ = cmd.Wait()
			}
		}
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is in its log
		}
		close(p.ended)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("run %s: %w", cmd.Path, err)
	}
	p.process = cmd.Process
	return p, nil
}

// Pid is the number of the process.
func (p *Process) Pid() int { return p.process.Pid }

// Ended is closed when the process is gone.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Pause stops the process where it is, as SIGSTOP does: its connections stay
// open, and nobody answers.
func (p *Process) Pause() error { return Pause(p.Pid()) }

// Resume lets a paused process go on.
func (p *Process) Resume() error { return Resume(p.Pid()) }

// Kill ends the process as kill -9 does, and waits for that.
func (p *Process) Kill() error { return p.end(syscall.SIGKILL, time.Minute) }

// Terminate asks the process to end, and waits for that.
func (p *Process) Terminate(within time.Duration) error { return p.end(syscall.SIGTERM, within) }

func (p *Process) end(s syscall.Signal, within time.Duration) error {
	if err := p.process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("send signal %v to process %d: %w", s, p.Pid(), err)
	}
	t := time.NewTimer(within)
	defer t.Stop()
	select {
	case <-p.ended:
		return nil
	case <-t.C:
		return fmt.Errorf("process %d has not ended %s after signal %v", p.Pid(), within, s)
	}
}
