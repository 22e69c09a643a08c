package registry_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/pulselearn/campus-hub/platform/registry"
)

// TestKilled kills a process that registers schemas, again and again on one
// directory: what it was told is registered must be there.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	if os.Getenv("REGISTRY_CHILD") != "" {
		registerUntilKilled(t, os.Getenv("REGISTRY_CHILD"))
	}
	acknowledged := 0
	for round := range 5 {
		told := runAndKill(t, dir, 20+round*13)
		acknowledged += len(told)
		checkTold(t, dir, told)
	}
	t.Logf("%d registrations were acknowledged before five kills", acknowledged)
}

func checkTold(t *testing.T, dir string, told []acknowledgement) {
	t.Helper()
	r, err := registry.Open(dir, registry.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range told {
		got := must(t, r.Handler(), "GET", "/subjects/"+a.Subject+"/versions/1", nil)
		if !strings.Contains(got, fmt.Sprintf(`"id":%d,`, a.ID)) {
			t.Errorf("the process was told id %d, the log says %s", a.ID, got)
		}
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
}

type acknowledgement struct {
	Subject string
	ID      int
}

// runAndKill runs this test binary as the process that registers and kills it
// after a number of answers.
func runAndKill(t *testing.T, dir string, answers int) []acknowledgement {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilled$")
	child.Env = append(os.Environ(), "REGISTRY_CHILD="+dir)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var told []acknowledgement
	decoder := json.NewDecoder(out)
	for range answers {
		var a acknowledgement
		if err := decoder.Decode(&a); err != nil {
			t.Fatalf("after %d answers: %v", len(told), err)
		}
		told = append(told, a)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for a := (acknowledgement{}); decoder.Decode(&a) == nil; {
		told = append(told, a)
	}
	if err := child.Wait(); err == nil {
		t.Fatal("the process ended by itself")
	}
	return told
}

func registerUntilKilled(t *testing.T, dir string) {
	r, err := registry.Open(dir, registry.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; ; i++ {
		a := acknowledgement{Subject: fmt.Sprintf("s-%d-%d", os.Getpid(), i)}
		answer := must(t, r.Handler(), "POST", "/subjects/"+a.Subject+"/versions", fixed("n.A", os.Getpid()*1000+i))
		if err := json.Unmarshal([]byte(answer), &a); err != nil {
			t.Fatal(err)
		}
		fmt.Printf("{\"subject\":%q,\"id\":%d}\n", a.Subject, a.ID)
	}
}
