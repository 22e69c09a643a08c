package kafka_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/embedded/kafka"
)

// The test binary runs a broker instead of tests when this names its data
// directory; then it can be killed.
const (
	childDir  = "EMBEDDED_KAFKA_TEST_DIR"
	childAddr = "EMBEDDED_KAFKA_TEST_ADDR"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		serve(os.Getenv(childAddr), dir)
	}
	os.Exit(m.Run())
}

func serve(addr, dir string) {
	b, err := kafka.Start(context.Background(), kafka.Options{Addr: addr, DataDir: dir})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(b.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin) // ends with the test, however it ends
	os.Exit(0)
}

// spawn starts a broker in a process of its own.
func spawn(t *testing.T, addr, dir string) (*exec.Cmd, string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir, childAddr+"="+addr)
	cmd.Stderr = os.Stderr
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the broker did not start: %v", err)
	}
	return cmd, strings.TrimSpace(line)
}

// A follower reads the topic for as long as it lives, across assignments, and
// keeps its position itself.
type follower struct {
	ctx    context.Context
	values chan string

	mu   sync.Mutex
	next int64
	work sync.WaitGroup
}

func (f *follower) Assigned(p driver.Partition) {
	f.work.Go(func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		for f.ctx.Err() == nil {
			if errors.Is(f.follow(p), driver.ErrRevoked) {
				return
			}
		}
	})
}

// follow reads from the position until something fails.
func (f *follower) follow(p driver.Partition) error {
	if _, err := p.Seek(f.ctx, f.next); err != nil {
		return err
	}
	for {
		records, err := p.Fetch(f.ctx, 100, 1<<20)
		if err != nil {
			return err
		}
		for _, r := range records {
			f.values <- string(r.Value)
			f.next = r.Offset + 1
		}
		p.Commit(f.next)
	}
}

func (f *follower) Revoked(driver.Partition) { f.work.Wait() }

// Nothing that was acknowledged is lost when the broker is killed, again and
// again, in the middle of publishing.
func TestKilledBrokerLosesNothing(t *testing.T) {
	dir := t.TempDir()
	child, addr := spawn(t, "127.0.0.1:0", dir)
	conn := connect(t, addr)
	createTopic(t, conn)

	acknowledged := make(chan int)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	f := &follower{ctx: ctx, values: make(chan string, 2000)}
	member, err := conn.Join(ctx, "follower", []string{topic}, f)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(acknowledged)
		for n := 0; n < 1000; n++ {
			for {
				err := conn.Publish(ctx, []*driver.Record{{Topic: topic, Key: []byte("k"), Value: fmt.Append(nil, n)}})
				if err == nil {
					break
				}
				if errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("publish %d: %v", n, err)
					return
				}
			}
			acknowledged <- n
		}
	}()
	last := -1
	for n := range acknowledged {
		last = n
		if n%200 == 150 {
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = child.Wait()
			child, _ = spawn(t, addr, dir)
		}
	}
	repeated := upTo(t, read(t, conn, "999"), last)
	var followed []string
	for len(followed) < last+1+repeated {
		select {
		case v := <-f.values:
			followed = append(followed, v)
		case <-ctx.Done():
			t.Fatalf("the member that lived through the kills read %d of %d records", len(followed), last+1+repeated)
		}
	}
	upTo(t, followed, last)
	if err := member.Close(context.Background()); err != nil {
		t.Error(err)
	}
	t.Logf("%d records, 5 kills, %d publishes repeated", last+1, repeated)
}
