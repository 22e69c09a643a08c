//go:build unix

package e2e

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/pulselearn/campus-hub/e2e/kafka"
)

// TestFirstMinutesOnKafka is TestFirstMinutes with the real Apache Kafka, which
// is killed on the way, and with Kafka's own tools to look at the outcome. It
// runs alone: a starting Java takes the time that other tests measure.
func TestFirstMinutesOnKafka(t *testing.T) {
	broker := kafka.Start(t)
	hub := newStand(t).hub(t)
	hub.set("PL_KAFKA_BROKERS="+broker.Addr(), "PL_PROVISION=true")
	hub.startReady()
	c := newCampus(t, func(string) string { return hub.url() })
	k := c.newClass("kafka", 2, 1)

	c.firstBadges(hub, k, k.students[0])
	t.Run("record", func(t *testing.T) { checkRecord(t, hub, broker.Addr()) })

	broker.Kill(t)
	submitFirstQuiz(t, hub, k, k.students[1])
	broker.Start(t)
	back := time.Now()
	await(t, 30*time.Second, func() error { return c.hasFirstBadges(k.students[1]) })
	t.Logf("what happened without Kafka had its effects %s after its return", time.Since(back).Round(time.Millisecond))

	t.Run("console consumer", func(t *testing.T) { checkConsoleConsumer(t, broker) })
	t.Run("consumer groups", func(t *testing.T) { checkConsumerGroups(t, broker) })
}

// checkConsoleConsumer reads the records with Kafka's own client.
func checkConsoleConsumer(t *testing.T, broker *kafka.Broker) {
	out := runTool(t, broker, "org.apache.kafka.tools.consumer.ConsoleConsumer",
		"--bootstrap-server", broker.Addr(), "--topic", quizTopic, "--from-beginning", "--max-messages", "2", "--timeout-ms", "20000",
		"--formatter-property", "print.headers=true", "--formatter-property", "print.value=false")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) < 2 {
		t.Fatalf("the console consumer shows %d records, want two:\n%s", len(lines), out)
	}
	for _, line := range lines[:2] {
		for _, name := range wantHeaders {
			if !strings.Contains(","+line, ","+name+":") {
				t.Errorf("the console consumer shows no header %s: %s", name, line)
			}
		}
		expect(t, line, "ce_type:"+quizTopic, "ce_source:/pulselearn/quiz", "content-type:application/avro")
	}
}

// checkConsumerGroups wants the positions where operators look for them.
func checkConsumerGroups(t *testing.T, broker *kafka.Broker) {
	await(t, 30*time.Second, func() error {
		out := runTool(t, broker, "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
			"--bootstrap-server", broker.Addr(), "--describe", "--group", "pl.achievement")
		done := 0
		for line := range strings.Lines(out) {
			// group, topic, partition, current offset, log end offset, lag
			if f := strings.Fields(line); len(f) > 5 && f[1] == quizTopic && f[3] != "-" && f[3] != "0" && f[5] == "0" {
				done++
			}
		}
		if done == 0 {
			return fmt.Errorf("no partition of %s is consumed without lag:\n%s", quizTopic, out)
		}
		return nil
	})
}

func runTool(t *testing.T, broker *kafka.Broker, class string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := broker.JVM().Command(ctx, class, args...).Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		t.Fatalf("%s: %v\n%s%s", class, err, out, exit.Stderr)
	} else if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
