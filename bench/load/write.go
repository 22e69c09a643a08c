//go:build linux

package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	commonv1event "github.com/pulselearn/campus-hub/gen/event/common/v1"
	coursev1event "github.com/pulselearn/campus-hub/gen/event/course/v1"
	"github.com/pulselearn/campus-hub/gen/event/messages"
	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/bus/kafkabus"
	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/database/postgres"
	"github.com/pulselearn/campus-hub/platform/database/sqlite"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/outbox"
	"github.com/pulselearn/campus-hub/platform/realtime/presence"
	"github.com/pulselearn/campus-hub/platform/schema"
	"github.com/pulselearn/campus-hub/platform/tx"
)

// courseID is the id of the nth course.
func courseID(n int) string {
	return uuid.NewSHA1(uuid.NameSpaceURL, fmt.Appendf(nil, "course-%d", n)).String()
}

// A writer is a context that publishes events of courses.
type writer struct {
	plan   plan
	store  *tx.Store
	relay  *outbox.Relay
	db     *database.DB
	ids    *schema.IDs
	told   []int // how many events each course had
	behind time.Duration
}

// written is what a writer has done.
type written struct {
	Events int
	// Behind is by how much the slowest command began late.
	Behind time.Duration
	CPU    time.Duration
}

// write is the role of the writer: it provisions, waits for "go", and writes.
func write(args []string) error {
	ctx := context.Background()
	w := &writer{}
	flags := flag.NewFlagSet("write", flag.ContinueOnError)
	w.plan.register(flags)
	if err := flags.Parse(args); err != nil {
		return err
	}
	conn, err := w.open(ctx)
	if err != nil {
		return err
	}
	relaying, stop := context.WithCancel(ctx)
	var relay sync.WaitGroup
	relay.Go(func() { _ = w.relay.Run(relaying) })
	defer func() { stop(); relay.Wait(); _ = w.db.Close(); _ = conn.Close() }()
	if err := say(true); err != nil {
		return err
	}
	if _, err := heard(bufio.NewScanner(os.Stdin)); err != nil {
		return err
	}
	if err := w.run(ctx); err != nil {
		return err
	}
	if err := outbox.Flushed(ctx, w.db); err != nil {
		return err
	}
	return say(written{Events: w.plan.events(), Behind: w.behind})
}

func (w *writer) open(ctx context.Context) (driver.Conn, error) {
	quiet := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	conn, err := kafkabus.Open(kafkabus.Config{Brokers: strings.Split(w.plan.brokers, ","), Logger: quiet})
	if err != nil {
		return nil, err
	}
	if err := conn.EnsureTopics(ctx, topics()); err != nil {
		return nil, err
	}
	registry, err := schema.NewClient(w.plan.registry)
	if err != nil {
		return nil, err
	}
	w.ids = schema.NewIDs(registry, true)
	if err := w.ids.Resolve(ctx, coursev1event.MaterialUploadedType); err != nil {
		return nil, err
	}
	if w.db, err = w.openDatabase(ctx); err != nil {
		return nil, err
	}
	if err := w.db.Migrate(ctx, nil); err != nil {
		return nil, err
	}
	w.store = tx.NewStore(w.db, tx.Service{Context: "course", Publishes: []*event.Type{coursev1event.MaterialUploadedType}}, tx.WithLogger(quiet))
	w.relay = outbox.NewRelay(w.db, conn, w, outbox.WithLogger(quiet))
	w.told = make([]int, w.plan.courses())
	return conn, nil
}

func (w *writer) openDatabase(ctx context.Context) (*database.DB, error) {
	if w.plan.database != "" {
		return postgres.Open(ctx, w.plan.database)
	}
	dir, err := os.MkdirTemp("", "load-")
	if err != nil {
		return nil, err
	}
	return sqlite.Open(ctx, filepath.Join(dir, "course.db"))
}

// topics are those of all events: gateways read more than is written here.
func topics() []driver.Topic {
	var all []driver.Topic
	for _, name := range messages.Topics() {
		t := messages.New(name).EventType()
		all = append(all, driver.Topic{Name: t.Topic, Partitions: t.Partitions, Retention: t.Retention})
	}
	return append(all, presence.Topic())
}

// SchemaID implements [outbox.SchemaIDs].
func (w *writer) SchemaID(ctx context.Context, _ uint64, subject, text string) (int, error) {
	return w.ids.Find(ctx, subject, text)
}

// run makes the commands, each at its time. One that cannot begin in time
// begins late, and its events say when it was meant to.
func (w *writer) run(ctx context.Context) error {
	began, size := time.Now(), w.plan.rate/w.plan.perSecond
	every := time.Second / time.Duration(w.plan.perSecond)
	for n := range w.plan.events() / size {
		due := began.Add(time.Duration(n) * every)
		time.Sleep(time.Until(due))
		w.behind = max(w.behind, time.Since(due))
		if err := w.command(ctx, n*size, size, due); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) command(ctx context.Context, first, size int, due time.Time) error {
	events := make([]event.Message, size)
	for i := range events {
		events[i] = w.event(first+i, due)
	}
	_, _, err := w.store.Command(ctx, tx.Command{Method: "upload"}, func(ctx context.Context, t *tx.Tx) ([]byte, error) {
		return nil, t.Publish(ctx, events...)
	})
	return err
}

// event returns the nth event. Its title says when it was due, and its number
// among those of its course.
func (w *writer) event(n int, due time.Time) event.Message {
	course := n % len(w.told)
	number := w.told[course]
	w.told[course]++
	return &coursev1event.MaterialUploaded{
		CourseID: courseID(course), MaterialID: uuid.NewSHA1(uuid.Nil, fmt.Append(nil, n)).String(),
		CourseTitle: "Linear Algebra", Title: fmt.Sprintf("%d.%d", due.UnixNano(), number), URL: "https://files.example/lecture",
		Media:      coursev1event.MaterialUploadedMediaOfLink(&coursev1event.Link{Host: "files.example"}),
		UploadedBy: commonv1event.UserRef{UserID: "tess"}, OccurredAt: due.UTC(),
	}
}
