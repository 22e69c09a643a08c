package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

func (a *app) dev() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Run the hub, and again after every change",
		Long: `dev generates, builds gen/cmd/hub and runs it. When a contract, a service or the
platform changes, it does so again; the old hub is stopped once the new one is
built, so a change that does not compile leaves it running.`,
		Example: "  pl-gen dev",
		Args:    arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			root, err := a.root()
			if err != nil {
				return err
			}
			d := &devServer{app: a, root: root, ctx: cmd.Context(), patience: 20 * time.Second}
			err = a.follow(cmd.Context(), root, []string{"contracts", "services", "platform"}, d.rebuild)
			return errors.Join(err, d.stop())
		},
	}
	a.addFormat(cmd)
	return cmd
}

// A devServer is the hub that dev started, if any.
type devServer struct {
	app  *app
	root string
	ctx  context.Context
	hub  *exec.Cmd
	done chan error
	// patience is how long a hub may take to drain before it is killed.
	patience time.Duration
}

func (d *devServer) say(format string, args ...any) {
	fmt.Fprintf(d.app.stderr, "dev: "+format+"\n", args...)
}

// rebuild brings the hub up to date; what keeps it from that is said, and the
// old hub goes on.
func (d *devServer) rebuild() {
	if err := d.app.generateOnce(d.ctx, d.root, generateMode{}); err != nil {
		d.fail("generate", err)
		return
	}
	binary := filepath.Join(d.root, ".pl", "dev", "hub")
	if err := d.app.compileHub(d.ctx, d.root, binary); err != nil {
		d.fail("build the hub", err)
		return
	}
	if err := d.stop(); err != nil {
		d.say("the old hub ended with: %v", err)
	}
	if err := d.start(binary); err != nil {
		d.fail("start the hub", err)
	}
}

func (d *devServer) fail(what string, err error) {
	switch {
	case d.ctx.Err() != nil:
	case errors.Is(err, errFindings):
		d.say("the contracts have findings; waiting for a change")
	default:
		d.say("%s: %v; waiting for a change", what, err)
	}
}

func (d *devServer) start(binary string) error {
	hub := exec.Command(binary)
	hub.Dir, hub.Stdout, hub.Stderr = d.root, d.app.stdout, d.app.stderr
	hub.SysProcAttr = apart()
	if err := hub.Start(); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- hub.Wait() }()
	d.hub, d.done = hub, done
	d.say("the hub runs (pid %d)", hub.Process.Pid)
	return nil
}

// stop asks the hub that dev started to drain, and waits for it.
func (d *devServer) stop() error {
	if d.hub == nil {
		return nil
	}
	hub := d.hub
	d.hub = nil
	if err := hub.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case err := <-d.done:
		return err
	case <-time.After(d.patience):
		return errors.Join(hub.Process.Kill(), <-d.done)
	}
}
