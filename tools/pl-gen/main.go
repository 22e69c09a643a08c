// Command pl-gen turns the contracts of this repository into code, and checks
// that both are in order. "pl-gen help" says how.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/cli"
)

func main() { os.Exit(run()) }

func run() int {
	// A run is short and its garbage small: collecting it less often saves a
	// tenth of the time.
	debug.SetGCPercent(400)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return cli.Main(ctx, os.Args[1:], os.Stdout, os.Stderr)
}
