package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"

	"github.com/pulselearn/campus-hub/platform/embedded/kafka"
	"github.com/pulselearn/campus-hub/platform/embedded/nats"
)

// The brokers run in a process of their own, this program once more, so that
// what a client costs is not mixed with what the broker costs.

var quiet = slog.New(slog.DiscardHandler)

// serve runs a broker until its standard input ends.
func serve(kind, dir string) error {
	addr, stop, err := startBroker(kind, dir)
	if err != nil {
		return err
	}
	fmt.Println(addr)
	_, _ = io.Copy(io.Discard, os.Stdin)
	return stop()
}

func startBroker(kind, dir string) (addr string, stop func() error, err error) {
	if kind == "nats" {
		b, err := nats.Start(nats.Options{Addr: "127.0.0.1:0", DataDir: dir, Logger: quiet})
		if err != nil {
			return "", nil, err
		}
		return b.Addr(), b.Close, nil
	}
	b, err := kafka.Start(context.Background(), kafka.Options{Addr: "127.0.0.1:0", DataDir: dir, Logger: quiet})
	if err != nil {
		return "", nil, err
	}
	return b.Addr(), b.Close, nil
}

// A broker is a running broker.
type broker struct {
	addr string
	stop func() error
}

// start starts a broker with an empty directory, in this process or in one of
// its own.
func start(kind string, embedded bool) (*broker, error) {
	dir, err := os.MkdirTemp("", "bench-bus-")
	if err != nil {
		return nil, err
	}
	if !embedded {
		return startChild(kind, dir)
	}
	addr, stop, err := startBroker(kind, dir)
	if err != nil {
		return nil, err
	}
	return &broker{addr, func() error { return errors.Join(stop(), os.RemoveAll(dir)) }}, nil
}

func startChild(kind, dir string) (*broker, error) {
	child := exec.Command(os.Args[0], "-serve", kind, "-dir", dir)
	child.Stderr = os.Stderr
	in, err := child.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := child.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := child.Start(); err != nil {
		return nil, fmt.Errorf("start the %s broker: %w", kind, err)
	}
	b := &broker{stop: func() error {
		_ = in.Close()
		err := child.Wait()
		_ = os.RemoveAll(dir)
		return err
	}}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		_ = b.stop()
		return nil, fmt.Errorf("the %s broker did not start: %w", kind, err)
	}
	b.addr = strings.TrimSpace(line)
	return b, nil
}
