package typescript

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pulselearn/campus-hub/gen/event/achievement/v1"
	"github.com/pulselearn/campus-hub/gen/event/quiz/v1"
	"github.com/pulselearn/campus-hub/internal/pgtest"
	"github.com/pulselearn/campus-hub/platform/bus/driver"
)

// TestReadme runs the example of platform/ts/README.md as it stands there.
func TestReadme(t *testing.T) {
	t.Parallel()
	Build(t)
	readme, err := os.ReadFile(filepath.Join(root, "platform/ts/README.md"))
	if err != nil {
		t.Fatal(err)
	}
	example, err := os.ReadFile(filepath.Join(root, "platform/ts/test/programs/example.ts"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(readme), "```ts\n"+string(example)+"```\n") {
		t.Fatal("the example of platform/ts/README.md is not that of platform/ts/test/programs/example.ts")
	}
	b, url := onEmbedded(t), serveRegistry(t)
	quiz, badge := quizv1event.QuizCompletedType, achievementv1event.BadgeAwardedType
	ensure(t, b.conn, quiz, badge)
	e, record := completed(t, register(t, url, quiz), "ada", "Bridges", 1)
	if err := b.conn.Publish(t.Context(), []*driver.Record{record, record}); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", Program("example"))
	cmd.Env = append(cmd.Environ(), "PL_KAFKA="+b.addr, "PL_REGISTRY_URL="+url, "PL_DATABASE_URL="+pgtest.URL(t))
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	got := collect(t, b.conn, map[string]int{badge.Topic: 1})[badge.Topic]
	endService(t, cmd)
	if len(got) != 1 || string(got[0].Key) != e.StudentID {
		t.Errorf("got %d badges; the example said:\n%s", len(got), said.String())
	}
}
