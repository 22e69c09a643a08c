package register_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pulselearn/campus-hub/internal/loopback"
)

const apicurioVersion = "2.6.13.Final"

// apicurio starts Apicurio Registry, in memory, on a port of its own and
// returns the URL of its Confluent API. Without it the test is skipped, and
// fails where CI=true.
func apicurio(t *testing.T) string {
	t.Helper()
	jar, err := apicurioJar()
	if err != nil {
		absent(t, err)
	}
	addr := loopback.Must(t)
	_, port, _ := net.SplitHostPort(addr)
	cmd := exec.Command("java", "-Xmx256m", "-Dquarkus.http.host=127.0.0.1", "-Dquarkus.http.port="+port, "-jar", jar)
	cmd.Dir = t.TempDir()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended by itself
		_ = cmd.Wait()
	})
	awaitListening(t, out)
	url := "http://" + addr + "/apis/ccompat/v7"
	checkAnswers(t, url+"/subjects")
	return url
}

func apicurioJar() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	jar := filepath.Join(cache, "campus-hub", "apicurio-registry-app-"+apicurioVersion, "apicurio-registry-app-"+apicurioVersion+"-runner.jar")
	if _, err := os.Stat(jar); err != nil {
		return "", err
	}
	_, err = exec.LookPath("java")
	return jar, err
}

func absent(t *testing.T, err error) {
	t.Helper()
	const how = "NOT TESTED against Apicurio Registry: run testdata/install-apicurio.sh, and install Java 11 or newer: %v"
	if os.Getenv("CI") == "true" {
		t.Fatalf(how, err)
	}
	t.Skipf(how, err)
}

// awaitListening reads the log until the server says that it listens, and
// goes on reading after that, so that the pipe never fills.
func awaitListening(t *testing.T, log io.Reader) {
	t.Helper()
	var head strings.Builder
	listening := make(chan error, 1)
	go func() {
		lines := bufio.NewScanner(log)
		for lines.Scan() {
			fmt.Fprintln(&head, lines.Text())
			if strings.Contains(lines.Text(), "Listening on:") {
				listening <- nil
				_, _ = io.Copy(io.Discard, log) // until the process ends
				return
			}
		}
		listening <- fmt.Errorf("it ended while starting:\n%s", head.String())
	}()
	select {
	case err := <-listening:
		if err != nil {
			t.Fatalf("start Apicurio Registry: %v", err)
		}
	case <-time.After(2 * time.Minute):
		t.Fatal("Apicurio Registry does not listen after two minutes")
	}
}

func checkAnswers(t *testing.T, url string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s", url, response.Status)
	}
}
