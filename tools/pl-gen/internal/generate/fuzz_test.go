package generate

import (
	"bytes"
	"io/fs"
	"math/rand/v2"
	"os"
	"regexp"
	"testing"
	"testing/fstest"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/command"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/event"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/saga"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/service"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/lint"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/plan"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/source"
)

// FuzzContracts replaces a piece of one of this repository's contracts and
// expects findings or files, never a panic, and findings with a place, a cause
// and a fix.
func FuzzContracts(f *testing.F) {
	contracts, names := contractsOf(f)
	for i := range names {
		f.Add(i, 100+13*i, 3, []byte(`"`))
		f.Add(i, 200+17*i, 0, []byte("\"}{"))
		f.Add(i, 300+19*i, 40, []byte(nil))
		f.Add(i, 500, 8, []byte(`"type": ["null", "null", {"type":"map"}]`))
	}
	f.Fuzz(func(t *testing.T, which, at, length int, with []byte) {
		name := names[index(which, len(names))]
		pipeline(t, repositoryOf(contracts, name, splice(contracts[name], at, length, with)))
	})
}

// TestSwappedWords puts words of contracts where other words belong, which
// reaches deeper than bytes: most such files are still JSON or proto.
func TestSwappedWords(t *testing.T) {
	contracts, names := contractsOf(t)
	random := rand.New(rand.NewPCG(1, 2))
	var all []string
	for _, name := range names {
		all = append(all, word.FindAllString(string(contracts[name]), -1)...)
	}
	for range 150 {
		name := names[random.IntN(len(names))]
		text := contracts[name]
		for range 1 + random.IntN(2) {
			places := word.FindAllIndex(text, -1)
			at := places[random.IntN(len(places))]
			text = splice(text, at[0], at[1]-at[0], []byte(all[random.IntN(len(all))]))
		}
		pipeline(t, repositoryOf(contracts, name, text))
		if t.Failed() {
			t.Fatalf("with this %s:\n%s", name, text)
		}
	}
}

var word = regexp.MustCompile(`"[^"\n]*"|[A-Za-z_0-9.]+|[{}\[\]:,;=]`)

// repositoryOf is the contracts with one of them replaced.
func repositoryOf(contracts map[string][]byte, name string, text []byte) fstest.MapFS {
	fsys := fstest.MapFS{"go.mod": {Data: []byte("module github.com/pulselearn/campus-hub\n")}}
	for name, text := range contracts {
		fsys[name] = &fstest.MapFile{Data: text}
	}
	fsys[name] = &fstest.MapFile{Data: text}
	return fsys
}

// few are the contracts of some contexts, with a saga among them, and what they use, to keep a run short.
var few = regexp.MustCompile(`/(quiz|course|payment|enrollment|billing|common|options)/`)

func contractsOf(f testing.TB) (contracts map[string][]byte, names []string) {
	f.Helper()
	contracts = map[string][]byte{}
	root := os.DirFS(top)
	err := fs.WalkDir(root, "contracts", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !few.MatchString(name) {
			return err
		}
		names = append(names, name)
		contracts[name], err = fs.ReadFile(root, name)
		return err
	})
	if err != nil {
		f.Fatal(err)
	}
	return contracts, names
}

func index(i, n int) int { return int(uint(i) % uint(n)) }

func splice(text []byte, at, length int, with []byte) []byte {
	from := index(at, len(text)+1)
	to := from + index(length, len(text)-from+1)
	return bytes.Join([][]byte{text[:from], with, text[to:]}, nil)
}

// pipeline goes from contracts to files, without the disk, buf and Ent.
func pipeline(t *testing.T, fsys fs.FS) {
	set, found, err := source.Load(fsys)
	if err != nil {
		t.Fatal(err)
	}
	m, more := model.Build(set)
	found = append(append(found, more...), lint.Check(set, m)...)
	for _, d := range lint.Waive(set, found) {
		if d.Pos.File == "" || d.Pos.Line == 0 || d.Cause == "" || d.Fix == "" {
			t.Errorf("a finding lacks its place, cause or fix: %+v", d)
		}
	}
	if diag.HasErrors(found) {
		return
	}
	if err := emitAll(m); err != nil {
		t.Errorf("contracts without errors cannot be emitted: %v", err)
	}
}

func emitAll(m *model.Model) error {
	files, err := event.Emit(m)
	if err != nil {
		return err
	}
	for _, c := range m.Contexts {
		for _, emit := range []func(string, *model.Context) ([]plan.File, error){service.Emit, saga.Emit, command.Emit} {
			more, err := emit(m.Module, c)
			if err != nil {
				return err
			}
			files = append(files, more...)
		}
	}
	if clashes := plan.Check(files); len(clashes) > 0 {
		return os.ErrExist
	}
	return nil
}
