// Command generate measures "pl-gen generate" as people run it: the built
// binary on a copy of this repository, and on a generated corpus of 1,000
// events in 100 contexts. It prints one line a figure, with the target, and
// exits 1 when the best of its runs misses the target: whatever else the
// machine does only adds to a run.
package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench/generate:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "bench-generate-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &bench{ctx: ctx, dir: dir, binary: filepath.Join(dir, "pl-gen")}
	build := exec.CommandContext(ctx, "go", "build", "-o", b.binary, "./tools/pl-gen")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("build pl-gen (run this from the repository's root): %w", err)
	}
	fmt.Printf("%-44s %10s %10s %10s\n", "pl-gen generate", "best", "median", "target")
	return errors.Join(b.repository("."), b.corpus(1000, 100))
}

// A bench measures runs of one binary.
type bench struct {
	ctx         context.Context
	dir, binary string
}

// generate runs pl-gen once and returns how long the process took.
func (b *bench) generate(root string) (time.Duration, error) {
	cmd := exec.CommandContext(b.ctx, b.binary, "generate", "--root", root)
	start := time.Now()
	text, err := cmd.CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("generate in %s: %w: %s", root, err, text)
	}
	return time.Since(start), nil
}

// measure prints the best and the median of n runs; before prepares each,
// untimed.
func (b *bench) measure(name, root string, n int, target time.Duration, before func(i int) error) error {
	took := make([]time.Duration, n)
	for i := range took {
		err := before(i)
		if err == nil {
			took[i], err = b.generate(root)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	slices.Sort(took)
	best := took[0]
	fmt.Printf("%-44s %10s %10s %10s\n", name, round(best), round(took[n/2]), "≤ "+target.String())
	if best > target {
		return fmt.Errorf("%s took %s, more than %s", name, round(best), target)
	}
	return nil
}

func round(d time.Duration) time.Duration { return d.Round(100 * time.Microsecond) }

func nothing(int) error { return nil }

// repository measures a copy of this repository's contracts.
func (b *bench) repository(from string) error {
	root := filepath.Join(b.dir, "repository")
	for _, name := range []string{"go.mod", "go.sum", "buf.yaml", "buf.gen.yaml", "tools/tools.mod", "tools/tools.sum", "contracts", "gen"} {
		if err := clone(filepath.Join(from, name), filepath.Join(root, name)); err != nil {
			return fmt.Errorf("copy the repository: %w", err)
		}
	}
	if _, err := b.generate(root); err != nil {
		return err
	}
	avsc := filepath.Join(root, "contracts/avro/quiz/v1/quiz_completed.avsc")
	proto := filepath.Join(root, "contracts/proto/pl/quiz/v1/quiz.proto")
	return errors.Join(
		b.measure("this repository, nothing changed", root, 21, 100*time.Millisecond, nothing),
		b.measure("this repository, one schema changed", root, 7, 500*time.Millisecond, func(i int) error {
			return replace(avsc, `"doc": "`, fmt.Sprintf(`"doc": "%d `, i))
		}),
		b.measure("this repository, one proto changed", root, 5, 2*time.Second, func(i int) error {
			return replace(proto, "// The quiz's id.", fmt.Sprintf("// The quiz's id. %d", i))
		}),
	)
}

// away moves what exists of the paths to a directory that is removed at the
// end.
func (b *bench) away(name string, paths ...string) error {
	to := filepath.Join(b.dir, "away", name)
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	for _, p := range paths {
		if err := os.Rename(p, filepath.Join(to, filepath.Base(p))); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// corpus measures the event side: events without services need no other tool.
func (b *bench) corpus(events, contexts int) error {
	root := filepath.Join(b.dir, "corpus")
	if err := writeCorpus(root, events, contexts); err != nil {
		return fmt.Errorf("write the corpus: %w", err)
	}
	// The files of the run before are moved away, not removed: ext4 does not
	// give out an inode that was just freed and looks at all of them each time.
	cold := func(i int) error {
		return b.away(fmt.Sprintf("run%d", i), filepath.Join(root, "gen"), filepath.Join(root, ".pl"))
	}
	one := filepath.Join(root, path(0, 0))
	return errors.Join(
		b.measure(fmt.Sprintf("%d events in %d contexts, from nothing", events, contexts), root, 5, 2*time.Second, cold),
		b.measure(fmt.Sprintf("%d events, nothing changed", events), root, 21, 100*time.Millisecond, nothing),
		b.measure(fmt.Sprintf("%d events, one schema changed", events), root, 7, 500*time.Millisecond, func(i int) error {
			return replace(one, `"doc": "`, fmt.Sprintf(`"doc": "%d `, i))
		}),
	)
}
