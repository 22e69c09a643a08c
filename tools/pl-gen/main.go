// Command pl-gen turns the contracts of this repository into code, and checks
// that both are in order. "pl-gen help" says how.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/cli"
)

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return cli.Main(ctx, os.Args[1:], os.Stdout, os.Stderr)
}
