// Command testsum reads the output of go test -json, shows each package as it
// ends and everything that a failed test printed, repeats what passed tests
// logged with "report: " in front, and names at its end every skipped test with
// its reason, every failed one with what it said, and how many tests ran. It
// exits with 1 when a test or a package failed, or when none ran.
//
//	go test -json ./... | go run ./tools/testsum
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
)

func main() {
	sum, err := summarize(os.Stdin, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "testsum:", err)
		os.Exit(1)
	}
	if sum.failed > 0 || sum.passed == 0 {
		os.Exit(1)
	}
}

// event is one line of go test -json; see go doc test2json.
type event struct {
	Action     string
	Package    string
	ImportPath string
	Test       string
	Output     string
	Elapsed    float64
}

type summary struct {
	passed, failed, skipped int
	// output holds what each running test or package printed.
	output map[string][]string
	skips  []string
	// failures holds what failed, each with the lines that say why.
	failures []string
	// broken holds packages with a failed test, so that the package's own
	// failure is not counted once more.
	broken map[string]bool
}

func summarize(in io.Reader, out io.Writer) (*summary, error) {
	s := &summary{output: map[string][]string{}, broken: map[string]bool{}}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			fmt.Fprintln(out, lines.Text())
			continue
		}
		s.add(e, out)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read the test output: %w", err)
	}
	for _, skip := range s.skips {
		fmt.Fprint(out, "SKIPPED ", skip)
	}
	for _, failure := range s.failures {
		fmt.Fprint(out, "FAILED ", failure)
	}
	fmt.Fprintf(out, "%d passed, %d failed, %d skipped\n", s.passed, s.failed, s.skipped)
	return s, nil
}

func (s *summary) add(e event, out io.Writer) {
	key := e.Package + " " + e.Test
	switch {
	case e.Action == "output" || e.Action == "build-output":
		if e.Action == "build-output" {
			fmt.Fprint(out, e.Output)
			return
		}
		s.output[key] = append(s.output[key], e.Output)
	case e.Test != "" && isEnd(e.Action):
		s.endTest(e, key, out)
	case e.Test == "" && isEnd(e.Action):
		s.endPackage(e, key, out)
	}
}

func isEnd(action string) bool { return action == "pass" || action == "fail" || action == "skip" }

func (s *summary) endTest(e event, key string, out io.Writer) {
	switch e.Action {
	case "pass":
		s.passed++
		report(e, s.output[key], out)
	case "skip":
		s.skipped++
		s.skips = append(s.skips, key+": "+reason(s.output[key]))
	case "fail":
		s.failed++
		s.broken[e.Package] = true
		s.failures = append(s.failures, key+"\n"+why(s.output[key]))
		fmt.Fprint(out, strings.Join(s.output[key], ""))
	}
	delete(s.output, key)
}

func (s *summary) endPackage(e event, key string, out io.Writer) {
	switch e.Action {
	case "fail":
		s.failPackage(e, key, out)
		fmt.Fprintf(out, "FAIL\t%s\t%.3fs\n", e.Package, e.Elapsed)
	case "pass":
		fmt.Fprintf(out, "ok  \t%s\t%.3fs\n", e.Package, e.Elapsed)
	}
	delete(s.output, key)
}

// failPackage shows what a package printed itself, and its tests that did not
// end, unless its failure is that of tests that were shown.
func (s *summary) failPackage(e event, key string, out io.Writer) {
	unended := s.unended(e.Package)
	if s.broken[e.Package] && len(unended) == 0 {
		return
	}
	s.failed++
	fmt.Fprint(out, strings.Join(s.output[key], ""))
	if len(unended) == 0 {
		s.failures = append(s.failures, e.Package+"\n"+why(s.output[key]))
	}
	for _, test := range unended {
		fmt.Fprintf(out, "%s did not end:\n%s", test, strings.Join(s.output[test], ""))
		s.failures = append(s.failures, test+" did not end\n"+why(s.output[test]))
		delete(s.output, test)
	}
}

// unended returns the tests of a package that said something and did not end:
// one of them panicked, exited or was still running when the time was up.
func (s *summary) unended(pkg string) []string {
	var tests []string
	for key := range s.output {
		if test, ok := strings.CutPrefix(key, pkg+" "); ok && test != "" {
			tests = append(tests, key)
		}
	}
	slices.Sort(tests)
	return tests
}

// report repeats what a passed test wants people to see.
func report(e event, output []string, out io.Writer) {
	for _, line := range output {
		if _, text, ok := strings.Cut(line, "report: "); ok {
			fmt.Fprintf(out, "    \t%s: %s", e.Test, text)
		}
	}
}

// said is a line that a test wrote, with its place in the code, or that the
// runtime wrote as the last thing that the process did.
var said = regexp.MustCompile(`^(?:    \s*\w+\.go:\d+|panic|fatal error|WARNING): `)

// why returns the lines of a failure that say what is wrong: the first that
// each place in the code wrote, and twenty of them at most. A test's errors are
// not told from what it logged.
func why(output []string) string {
	const most = 20
	var lines []string
	seen := map[string]bool{}
	for _, line := range output {
		place := said.FindString(line)
		if place == "" || seen[place] || strings.HasPrefix(line, place+"report: ") {
			continue
		}
		seen[place] = true
		lines = append(lines, "    "+strings.TrimSpace(line)+"\n")
	}
	return strings.Join(lines[:min(len(lines), most)], "")
}

// reason returns what a skipped test said before it was skipped.
func reason(output []string) string {
	for _, line := range output {
		if text := strings.TrimSpace(line); text != "" && !strings.HasPrefix(text, "===") && !strings.HasPrefix(text, "---") {
			return text + "\n"
		}
	}
	return "no reason given\n"
}
