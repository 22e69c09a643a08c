package kafka

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// settings are Kafka's own defaults, but for what one small broker needs: it
// replicates to nobody, waits for no further member of a group, and notices
// within a second that it was killed itself.
const settings = `process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://%[1]s,CONTROLLER://%[2]s
controller.quorum.voters=1@%[2]s
controller.listener.names=CONTROLLER
log.dirs=%[3]s
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=1000
broker.heartbeat.interval.ms=200
log.cleaner.dedupe.buffer.size=4194304
`

func (b *Broker) properties() string { return filepath.Join(b.dir, "server.properties") }

// format chooses ports, writes the settings and makes the data directory.
func (b *Broker) format(tb testing.TB) {
	tb.Helper()
	b.addr = freeAddr(tb)
	text := fmt.Sprintf(settings, b.addr, freeAddr(tb), filepath.Join(b.dir, "data"))
	if err := os.WriteFile(b.properties(), []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(tb.Context(), startWithin)
	defer cancel()
	out, err := b.jvm.Command(ctx, "kafka.tools.StorageTool", "format", "-t", clusterID, "-c", b.properties()).CombinedOutput()
	if err != nil {
		tb.Fatalf("format Kafka's storage: %v\n%s", err, out)
	}
}
