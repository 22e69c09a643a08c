package kafka

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// heap and the flags beside it keep a virtual machine small and quick to
// start; nothing here runs long enough for the second compiler.
var heap = []string{"-Xms64m", "-Xmx320m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dlog4j2.level=WARN"}

// A JVM runs the main classes of Kafka's jars.
type JVM struct{ java, jars string }

// Need returns what runs Kafka's classes. Without Java, or without the jars
// that "make kafka" copies, it skips the test, and fails it when CI is true.
func Need(tb testing.TB) JVM {
	tb.Helper()
	jvm, err := find()
	switch {
	case err != nil && os.Getenv("CI") == "true":
		tb.Fatalf("CI=true requires the real Apache Kafka: %v", err)
	case err != nil:
		tb.Skipf("NOT TESTED ON THE REAL APACHE KAFKA: %v", err)
	}
	return jvm
}

func find() (JVM, error) {
	java, err := exec.LookPath("java")
	if err != nil {
		return JVM{}, fmt.Errorf("install a JDK 17 or newer: %w", err)
	}
	root, err := moduleRoot()
	if err != nil {
		return JVM{}, err
	}
	jars := filepath.Join(root, "e2e", "kafka", "target", "lib")
	if found, err := filepath.Glob(filepath.Join(jars, "kafka_*.jar")); err != nil || len(found) != 1 {
		return JVM{}, fmt.Errorf("%s has %d brokers, want one: run \"make kafka\"", jars, len(found))
	}
	return JVM{java: java, jars: filepath.Join(jars, "*")}, nil
}

// moduleRoot is the nearest directory above the test's that has a go.mod.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	for err == nil {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if filepath.Dir(dir) == dir {
			return "", errors.New("no go.mod above the working directory")
		}
		dir = filepath.Dir(dir)
	}
	return "", err
}

// Command returns a call of a main class.
func (j JVM) Command(ctx context.Context, class string, args ...string) *exec.Cmd {
	all := append(append(heap[:len(heap):len(heap)], "-cp", j.jars, class), args...)
	return exec.CommandContext(ctx, j.java, all...)
}
