// Command server is the server under test of Connect's conformance suite: a
// process of the platform, with its door, its interceptors and its limits, that
// serves one context, the suite's own service. It is told how to be by a
// message on its standard input, says on standard output where it listens, and
// ends with SIGTERM.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"time"

	"connectrpc.com/conformance/internal"
	conformancev1 "connectrpc.com/conformance/internal/gen/proto/go/connectrpc/conformance/v1"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/bus/kafkabus"
	"github.com/pulselearn/campus-hub/platform/database/sqlite"
	"github.com/pulselearn/campus-hub/platform/embedded/kafka"
	"github.com/pulselearn/campus-hub/platform/service"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "server:", err)
		os.Exit(1)
	}
}

// drainWithin is how long calls in flight may take at the end.
const drainWithin = 5 * time.Second

func run(ctx context.Context, in io.Reader, out io.Writer) (err error) {
	codec := internal.NewCodec(false)
	var request conformancev1.ServerCompatRequest
	if err := codec.NewDecoder(in).DecodeNext(&request); err != nil {
		return fmt.Errorf("read what the server should be: %w", err)
	}
	dir, err := os.MkdirTemp("", "pl-conformance-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	var at listening
	process, err := start(ctx, dir, &request, &at)
	if err != nil {
		return err
	}
	defer func() {
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainWithin)
		defer cancel()
		err = errors.Join(err, process.Drain(bounded))
	}()
	if err := process.AwaitReady(ctx); err != nil {
		return err
	}
	if err := codec.NewEncoder(out).Encode(at.calls()); err != nil {
		return fmt.Errorf("say where the server listens: %w", err)
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-process.Failed():
		return err
	}
}

// issuer has the keys of people's tokens, of which the suite sends none.
const issuer = "http://127.0.0.1:1"

// callsAddr is what tells the port for calls from those of the engines.
const callsAddr = "127.0.0.1:0"

func start(ctx context.Context, dir string, request *conformancev1.ServerCompatRequest, at *listening) (*service.Process, error) {
	settings := []string{
		"PL_DATA_DIR=" + dir, "PL_HTTP_ADDR=" + callsAddr, "PL_ADMIN_ADDR=off", "PL_RATE_LIMIT=0",
		"PL_OIDC_ISSUER=" + issuer,
		"PL_EMBEDDED_KAFKA_ADDR=localhost:0", "PL_EMBEDDED_REGISTRY_ADDR=localhost:0",
	}
	if limit := request.GetMessageReceiveLimit(); limit > 0 {
		settings = append(settings, "PL_MAX_REQUEST_BYTES="+strconv.FormatUint(uint64(limit), 10))
	}
	cfg, err := service.LoadConfig(settings)
	if err != nil {
		return nil, err
	}
	app := service.New("conformance")
	app.Add(definition())
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	return service.Start(ctx, app, cfg, service.Engines{
		OpenSQLite: sqlite.Open,
		DialKafka: func(_ context.Context, to service.Kafka) (driver.Conn, error) {
			return kafkabus.Open(kafkabus.Config{Brokers: to.Brokers, ClientID: to.Client, Logger: to.Log})
		},
		EmbedBroker: func(ctx context.Context, dir, addr string, log *slog.Logger) (service.Broker, error) {
			return kafka.Start(ctx, kafka.Options{Addr: addr, DataDir: dir, Logger: log})
		},
		Listen: at.listen,
	}, log)
}

// listening remembers the port that calls come in by.
type listening struct {
	mu   sync.Mutex
	addr *net.TCPAddr
}

func (l *listening) listen(network, address string) (net.Listener, error) {
	opened, err := net.Listen(network, address)
	if err == nil && address == callsAddr {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.addr = opened.Addr().(*net.TCPAddr)
	}
	return opened, err
}

func (l *listening) calls() *conformancev1.ServerCompatResponse {
	l.mu.Lock()
	defer l.mu.Unlock()
	return &conformancev1.ServerCompatResponse{Host: l.addr.IP.String(), Port: uint32(l.addr.Port)}
}
