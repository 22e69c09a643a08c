// Classroom plays a small class on a running hub: it registers students and
// a course, writes quizzes, and lets the students take them at a human pace,
// so that there is something to see. It prints what happens until it is
// interrupted. Every command has a stable Idempotency-Key, so that a second
// start on the same day goes on with the same class.
//
// Usage:
//
//	classroom [-hub http://127.0.0.1:8080] [-pace 800ms] [-attempts 40] [-until-eof] [-issuer 127.0.0.1:8079]
//
// After the given number of attempts the class slows down to a gentle rhythm.
// With -until-eof it ends when its standard input does: a hub that holds the
// other end of that pipe takes the class with it, however it ends.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "classroom:", err)
		}
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("classroom", flag.ContinueOnError)
	flags.SetOutput(stderr)
	hub := flags.String("hub", address(), "base URL of the hub")
	issuer := flags.String("issuer", "http://localhost:8080", "where the class logs in: the hub's PL_PUBLIC_URL")
	pace := flags.Duration("pace", 800*time.Millisecond, "time between two attempts")
	attempts := flags.Int("attempts", 40, "attempts before the class slows down")
	untilEOF := flags.Bool("until-eof", false, "end when the standard input ends")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *pace <= 0 {
		return fmt.Errorf("-pace %s: the pace must be longer than nothing", *pace)
	}
	if *untilEOF {
		var end context.CancelFunc
		ctx, end = context.WithCancel(ctx)
		go func() {
			defer end()
			_, _ = io.Copy(io.Discard, stdin) // an error ends the class as well
		}()
	}
	if err := newClassroom(*hub, *issuer, stdout).play(ctx, *pace, *attempts); ctx.Err() == nil {
		return err
	}
	return nil
}

// play waits for the hub, opens the class, and gives lessons until ctx ends.
func (c *classroom) play(ctx context.Context, pace time.Duration, attempts int) error {
	if err := c.awaitHub(ctx); err != nil {
		return err
	}
	if err := c.open(ctx); err != nil {
		return err
	}
	return c.lessons(ctx, pace, attempts)
}

// address is where the hub listens unless told otherwise.
func address() string {
	if addr := os.Getenv("PL_HTTP_ADDR"); addr != "" {
		return "http://" + addr
	}
	return "http://127.0.0.1:8080"
}
