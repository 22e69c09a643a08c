//go:build unix

package chaos

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/pulselearn/campus-hub/e2e/kafka"
	"github.com/pulselearn/campus-hub/e2e/nats"
	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/event"
)

// A broker is what a world publishes to. The test looks at it with a client
// that knows nothing of the platform's drivers.
type broker interface {
	// settings are those of a service that uses the broker.
	settings() []string
	// connect opens the test's own connection.
	connect(w *world)
	// records returns a topic's records by partition and offset, and none when
	// the topic or the broker is away, or ctx ends.
	records(ctx context.Context, w *world, topic string) []record
	// end is the offset behind the last record of a position's partition.
	end(w *world, p bus.Position) (int64, error)
	// produce publishes a record without headers, and does not wait: the
	// broker may be away. A nil key is none.
	produce(w *world, topic string, key, value []byte)
	// servers are those that can be disturbed, in their order.
	servers() []server
}

// A record is one of a topic's records.
type record struct {
	partition int32
	offset    int64
	key       []byte // nil: none
	event     event.Envelope
	err       error  // why it is no event
	again     func() // publishes it once more, and does not wait
}

// A server is one process of a broker.
type server interface {
	Start(tb testing.TB)
	Kill(tb testing.TB)
	Pause(tb testing.TB)
	Resume(tb testing.TB)
}

// startBroker starts the servers of an engine, each behind a proxy, and a
// registry. Without a number of servers Kafka is the embedded one, with its
// registry, in a process of its own.
func (w *world) startBroker(r run) {
	w.Helper()
	switch {
	case r.engine == "nats":
		w.broker = &natsBroker{cluster: nats.StartCluster(w.T, max(r.servers, 1), nats.Behind(w.behind))}
	case r.servers == 0:
		w.broker = w.startEmbedded(cmp.Or(r.records, filepath.Join(w.dir, "broker")))
		return
	default:
		w.broker = newKafka(kafka.StartCluster(w.T, r.servers, kafka.Behind(w.behind)))
	}
	w.startRegistry()
}

// behind puts a proxy before a server of the broker.
func (w *world) behind(_ testing.TB, addr string) string {
	return w.proxy(fmt.Sprintf("broker %d", len(w.proxies)+1), addr)
}

func (w *world) startEmbedded(dir string) broker {
	b := w.process("broker", "broker")
	kafkaAddr, registryAddr := free(w.T), free(w.T)
	b.set("PL_EMBEDDED_KAFKA_ADDR="+kafkaAddr, "PL_EMBEDDED_REGISTRY_ADDR="+registryAddr)
	b.set("PL_DATA_DIR=" + dir)
	b.healthy = "http://" + registryAddr + "/subjects"
	b.start()
	b.ready()
	return &kafkaBroker{addrs: []string{kafkaAddr}}
}

func (w *world) startRegistry() {
	r := w.process("registry", "registry")
	addr := free(w.T)
	r.set("PL_EMBEDDED_REGISTRY_ADDR="+addr, "PL_DATA_DIR="+filepath.Join(w.dir, "registry"))
	r.healthy = "http://" + addr + "/subjects"
	r.start()
	r.ready()
}
