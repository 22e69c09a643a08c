package registry_test

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pulselearn/campus-hub/platform/registry"
)

// TestJVMClient has Confluent's own client go through everything that it can
// ask, and compares what it understood with testdata/jvm/client.txt.
func TestJVMClient(t *testing.T) {
	jars := jvmClient(t)
	want, err := os.ReadFile("testdata/jvm/client.txt")
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(open(t, t.TempDir(), registry.Options{}).Handler())
	defer server.Close()
	cmd := exec.CommandContext(t.Context(), "java", "-Xmx256m", "-cp", jars, "testdata/jvm/Client.java", server.URL+"/")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	compareLines(t, string(out), string(want))
}

func compareLines(t *testing.T, got, want string) {
	t.Helper()
	gotLines, wantLines := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(gotLines), len(wantLines)) {
		var g, w string
		if i < len(gotLines) {
			g = gotLines[i]
		}
		if i < len(wantLines) {
			w = wantLines[i]
		}
		if g != w {
			t.Errorf("line %d\n got %s\nwant %s", i+1, g, w)
		}
	}
}

// jvmClient returns the class path of the client. Without it the test is
// skipped, and fails where CI=true.
func jvmClient(t *testing.T) string {
	t.Helper()
	jars, err := findJars()
	if err == nil {
		_, err = exec.LookPath("java")
	}
	const how = "NOT TESTED with Confluent's client for the JVM: run testdata/jvm/install-client.sh, and install a JDK of Java 16 or newer: %v"
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		t.Fatalf(how, err)
	default:
		t.Skipf(how, err)
	}
	return jars
}

func findJars() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	home := filepath.Join(cache, "campus-hub", "confluent-client-7.5.3")
	if _, err := os.Stat(home); err != nil {
		return "", err
	}
	return filepath.Join(home, "*"), nil
}
