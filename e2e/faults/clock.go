package faults

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// ErrNoClock means that programs cannot have clocks of their own here: that
// takes Linux on amd64, and the right to trace one's own children.
var ErrNoClock = errors.New("a program cannot have a clock of its own on this system")

// RunWithClock is [Run] for a program whose time of day [Process.SetClock]
// changes. The program is the one that is installed: what changes is the code
// with which the kernel lets a process read the time, before its first
// instruction. What a program measures with its monotonic clock, for example
// the timers of Go, goes on as before, as on a machine whose clock is set.
func RunWithClock(cmd *exec.Cmd) (*Process, error) {
	attr := endWithParent()
	if cmd.SysProcAttr != nil {
		attr.Credential = cmd.SysProcAttr.Credential
	}
	if err := traced(attr); err != nil {
		return nil, fmt.Errorf("run %s: %w", cmd.Path, err)
	}
	var clock int64
	p, err := run(cmd, attr, func(pid int) (err error) {
		clock, err = giveClock(pid)
		return err
	})
	if err != nil {
		return nil, err
	}
	p.clock = clock
	return p, nil
}

// SetClock sets how far the clock of the process is ahead of the machine's;
// less than 0 is behind. The processes that it has forked have their clocks set
// too, and those that it forks later have its own; other programs that it
// starts have the machine's. It counts in whole seconds, and the process has
// been started by [RunWithClock].
func (p *Process) SetClock(ahead time.Duration) error {
	if p.clock == 0 {
		return fmt.Errorf("set the clock of process %d, which was not given one: %w", p.Pid(), ErrNoClock)
	}
	for _, pid := range append(descendants(p.Pid()), p.Pid()) {
		err := setClock(pid, p.clock, int64(ahead/time.Second))
		if err != nil && !errors.Is(err, os.ErrProcessDone) {
			return fmt.Errorf("set the clock of process %d: %w", pid, err)
		}
	}
	return nil
}

// descendants returns the processes that a process has forked, and those that
// they have forked.
func descendants(pid int) (all []int) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return nil // it is gone
	}
	for word := range strings.FieldsSeq(string(text)) {
		if child, err := strconv.Atoi(word); err == nil {
			all = append(append(all, child), descendants(child)...)
		}
	}
	return all
}
