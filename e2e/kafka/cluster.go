package kafka

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// clusterID is what the storage is formatted with, sixteen bytes in base64.
const clusterID = "Y2FtcHVzLWh1Yi10ZXN0cw"

// A Cluster is a number of brokers, each of them a controller too. Its methods
// are called by one goroutine at a time.
type Cluster struct {
	brokers []*Broker
	setup   setup
}

// A setup is what all brokers of a cluster have in common.
type setup struct {
	jvm      JVM
	front    func(tb testing.TB, addr string) string
	security *Security
}

// An Option changes what a cluster is started with.
type Option func(*setup)

// Behind makes clients go through something that stands before each broker:
// front is told where a broker listens, and returns the host:port that clients
// are to use. Brokers reach each other, and tests reach a broker to see whether
// it is ready, without it.
func Behind(front func(tb testing.TB, addr string) string) Option {
	return func(s *setup) { s.front = front }
}

// Start runs an empty broker until the end of the test. See [Need] for what it
// does where there is no Kafka.
func Start(tb testing.TB, options ...Option) *Broker {
	tb.Helper()
	return StartCluster(tb, 1, options...).Broker(0)
}

// StartCluster runs n empty brokers until the end of the test. With three of
// them every record is replicated to all, and is acknowledged when two have it.
func StartCluster(tb testing.TB, n int, options ...Option) *Cluster {
	tb.Helper()
	c := &Cluster{setup: setup{jvm: Need(tb), front: direct}}
	for _, option := range options {
		option(&c.setup)
	}
	for i := range n {
		c.brokers = append(c.brokers, newBroker(tb, i+1, c.setup))
	}
	for _, b := range c.brokers {
		b.format(tb, c.properties(b))
		b.launch(tb)
	}
	for _, b := range c.brokers {
		b.await(tb)
	}
	return c
}

func direct(_ testing.TB, addr string) string { return addr }

// Broker returns the ith broker, from 0.
func (c *Cluster) Broker(i int) *Broker { return c.brokers[i] }

// ByID returns the broker that the cluster calls by this number.
func (c *Cluster) ByID(id int32) *Broker { return c.brokers[id-1] }

// Addrs are the addresses of all brokers for clients.
func (c *Cluster) Addrs() []string {
	var addrs []string
	for _, b := range c.brokers {
		addrs = append(addrs, b.Addr())
	}
	return addrs
}

// settings are Kafka's own defaults, but for what small brokers need: little
// memory, no waiting for further members of a group, and noticing within two
// seconds that a broker was killed, a broker itself included.
const settings = `process.roles=broker,controller
node.id=%[1]d
listeners=%[2]s
advertised.listeners=%[3]s
listener.security.protocol.map=CLIENT:PLAINTEXT,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL:SASL_PLAINTEXT,TLS:SSL,SASLTLS:SASL_SSL
inter.broker.listener.name=INTERNAL
controller.listener.names=CONTROLLER
controller.quorum.voters=%[4]s
log.dirs=%[5]s
default.replication.factor=%[6]d
min.insync.replicas=%[7]d
offsets.topic.replication.factor=%[6]d
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=%[6]d
transaction.state.log.min.isr=%[7]d
share.coordinator.state.topic.replication.factor=%[6]d
share.coordinator.state.topic.min.isr=%[7]d
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=%[8]d
broker.heartbeat.interval.ms=200
log.cleaner.dedupe.buffer.size=4194304
`

// properties are the settings of one broker.
func (c *Cluster) properties(b *Broker) string {
	replicas := min(len(c.brokers), 3)
	session := 1000
	if len(c.brokers) > 1 {
		session = 2000 // a broker that was slow for a moment is not dead
	}
	var voters []string
	for _, other := range c.brokers {
		voters = append(voters, fmt.Sprintf("%d@%s", other.id, other.controller))
	}
	listeners, advertised := b.listeners()
	text := fmt.Sprintf(settings, b.id, listeners, advertised, strings.Join(voters, ","),
		filepath.Join(b.dir, "data"), replicas, (replicas+2)/2, session)
	return text + c.setup.security.properties()
}
