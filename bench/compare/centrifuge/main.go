// Command centrifuge is what make load measures ours beside: a gateway that
// reads the same events from the same broker and gives them to websockets with
// centrifuge (github.com/centrifugal/centrifuge). It checks no tokens, keeps no
// history for those who come back, and asks nobody who may see what: it does
// less than ours.
//
// CENTRIFUGE_ADDR is where it listens, CENTRIFUGE_BROKERS where Kafka is.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/centrifugal/centrifuge"
	"github.com/twmb/franz-go/pkg/kgo"

	coursev1event "github.com/pulselearn/campus-hub/gen/event/course/v1"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Getenv("CENTRIFUGE_ADDR"), strings.Split(os.Getenv("CENTRIFUGE_BROKERS"), ",")); err != nil {
		fmt.Fprintln(os.Stderr, "centrifuge:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, addr string, brokers []string) error {
	node, err := newNode()
	if err != nil {
		return err
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.ConsumeTopics(coursev1event.MaterialUploadedTopic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(100*time.Millisecond))
	if err != nil {
		return err
	}
	defer client.Close()
	server := &http.Server{Addr: addr, Handler: routes(node), ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 2)
	go func() { ended <- server.ListenAndServe() }()
	go func() { ended <- forward(ctx, client, node) }()
	select {
	case err = <-ended:
	case <-ctx.Done():
	}
	return errors.Join(err, server.Close())
}

// newNode returns a node where everybody may listen to every channel.
func newNode() (*centrifuge.Node, error) {
	node, err := centrifuge.New(centrifuge.Config{LogLevel: centrifuge.LogLevelError})
	if err != nil {
		return nil, err
	}
	node.OnConnecting(func(context.Context, centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		return centrifuge.ConnectReply{Credentials: &centrifuge.Credentials{}}, nil
	})
	node.OnConnect(func(c *centrifuge.Client) {
		c.OnSubscribe(func(_ centrifuge.SubscribeEvent, done centrifuge.SubscribeCallback) {
			done(centrifuge.SubscribeReply{}, nil)
		})
	})
	return node, node.Run()
}

func routes(node *centrifuge.Node) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/realtime", centrifuge.NewWebsocketHandler(node, centrifuge.WebsocketConfig{
		ReadBufferSize: 512, UseWriteBufferPool: true, CheckOrigin: func(*http.Request) bool { return true },
	}))
	mux.HandleFunc("/readyz", func(http.ResponseWriter, *http.Request) {})
	return mux
}

// forward publishes each event to the channel of its course.
func forward(ctx context.Context, client *kgo.Client, node *centrifuge.Node) error {
	for ctx.Err() == nil {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return err
		}
		var failed error
		fetches.EachRecord(func(r *kgo.Record) {
			if err := publish(node, r); err != nil {
				failed = err
			}
		})
		if failed != nil {
			return failed
		}
	}
	return nil
}

// frame is how many bytes stand in front of the Avro datum: a zero and the id of
// its schema.
const frame = 5

func publish(node *centrifuge.Node, r *kgo.Record) error {
	var e coursev1event.MaterialUploaded
	if err := e.UnmarshalBinary(r.Value[min(frame, len(r.Value)):]); err != nil {
		return err
	}
	data, err := json.Marshal(&e)
	if err != nil {
		return err
	}
	_, err = node.Publish("course:"+e.CourseID, data)
	return err
}
