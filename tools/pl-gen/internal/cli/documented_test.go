package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/rogpeppe/go-internal/testscript"
)

// documented FILE runs the lines that begin with $ in the console blocks of a
// document, one after the other in one shell, and compares what each prints
// with what follows it. Times and ids may differ, and "…" in the document stands
// for anything.
func documented(ts *testscript.TestScript, _ bool, args []string) {
	if _, err := exec.LookPath("curl"); err != nil {
		ts.Fatalf("the examples of %s need curl, which is not installed", args[0])
	}
	path := filepath.Join("../../../..", filepath.FromSlash(args[0]))
	text, err := os.ReadFile(path)
	ts.Check(err)
	blocks := strings.Split(string(text), "```console\n")
	script := "set -e\n"
	for i, block := range blocks[1:] {
		body, rest, _ := strings.Cut(block, "```")
		var out strings.Builder
		for _, step := range steps(body) {
			got := printed(ts, script, step.command)
			script += silent(step.command)
			if !step.matches(got) && !*update {
				ts.Fatalf("%s: %s\n%s", args[0], step.command, diff.Diff("documented", []byte(step.want), "printed", []byte(got)))
			}
			if step.matches(got) {
				got = step.want
			}
			fmt.Fprintf(&out, "$ %s\n%s", step.command, got)
		}
		blocks[i+1] = out.String() + "```" + rest
	}
	if *update {
		ts.Check(os.WriteFile(path, []byte(strings.Join(blocks, "```console\n")), 0o644))
	}
}

// A step is one command of a document and what it prints.
type step struct{ command, want string }

func steps(body string) (list []step) {
	for line := range strings.Lines(body) {
		if command, ok := strings.CutPrefix(line, "$ "); ok {
			list = append(list, step{command: strings.TrimSuffix(command, "\n")})
		} else if len(list) > 0 {
			list[len(list)-1].want += line
		}
	}
	return list
}

// silent keeps what a command does to the shell's variables and not what it
// does otherwise.
func silent(command string) string {
	if strings.HasPrefix(command, "curl ") {
		return ""
	}
	return command + "\n"
}

// printed runs a command after what set the shell's variables.
func printed(ts *testscript.TestScript, script, command string) string {
	cmd := exec.Command("sh", "-c", script+command)
	cmd.Env = append(os.Environ(), "PL_ADMIN_URL="+ts.Getenv("PL_ADMIN_URL"), "PL_ADMIN_TOKEN="+ts.Getenv("PL_ADMIN_TOKEN"),
		"PL_ACTOR="+ts.Getenv("PL_ACTOR"), "EVENT="+ts.Getenv("EVENT"))
	text, err := cmd.CombinedOutput()
	if err != nil {
		ts.Fatalf("%s: %v\n%s", command, err, text)
	}
	return readable(command, text)
}

// readable indents JSON that has more than a line's worth.
func readable(command string, text []byte) string {
	var out bytes.Buffer
	if !strings.Contains(command, "/export") && len(text) > 120 && bytes.Count(text, []byte("\n")) == 1 && json.Indent(&out, text, "", "  ") == nil {
		return strings.TrimSpace(out.String()) + "\n"
	}
	return string(text)
}

// matches compares without what differs from run to run.
func (s step) matches(got string) bool {
	rest := constant(got)
	for i, part := range strings.Split(constant(s.want), "…") {
		at := strings.Index(rest, part)
		if at < 0 || i == 0 && at > 0 {
			return false
		}
		rest = rest[at+len(part):]
	}
	return strings.HasSuffix(s.want, "…\n") || strings.TrimSpace(rest) == ""
}

func constant(text string) string {
	return strings.TrimSpace(string(scrubbed([]byte(text))))
}
