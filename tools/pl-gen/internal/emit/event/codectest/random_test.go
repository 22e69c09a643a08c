package codectest

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"pgregory.net/rapid"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
	emit "github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/event"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/source"
)

// How many random events are compiled in one go, and how many values of each
// are sent through the result.
const (
	randomEvents = 60
	randomValues = 25
)

var seed = flag.Uint64("seed", 0, "repeat TestRandomSchemas with the seed that it printed")

// TestRandomSchemas emits code for random schemas, compiles all of it in one
// run of the go command, and sends random values through it and through two
// other libraries.
func TestRandomSchemas(t *testing.T) {
	if *seed == 0 {
		*seed = rand.Uint64()
	}
	m := randomModel(t, *seed)
	program := start(t, compile(t, m))
	for i, e := range m.Events {
		for n := range uint64(randomValues) {
			r := reference{rand.New(rand.NewPCG(n, 5))}
			v := r.value(e.Schema, 0)
			want := r.encode(nil, e.Schema, v, false)
			program.expect(i, want, want)
			program.expect(i, r.encode(nil, e.Schema, v, true), want)
			for _, other := range others(t, string(e.Text)) {
				theirs, err := other.recode(want)
				if err != nil {
					t.Fatalf("%s does not take what we write: %v\n%s", other.name, err, e.Text)
				}
				program.expect(i, theirs, want)
			}
			if len(want) > 0 {
				program.refuse(i, want[:r.IntN(len(want))])
			}
			if t.Failed() {
				t.Fatalf("schema %s", e.Text)
			}
		}
	}
}

// randomModel builds events with random schemas. A seed makes it repeatable.
func randomModel(t *testing.T, seed uint64) *model.Model {
	t.Helper()
	t.Logf("seed %d", seed)
	files := fstest.MapFS{"go.mod": {Data: []byte("module example.com/random\n")}}
	for i := range randomEvents {
		g := generator{context: fmt.Sprintf("ctx%d", i/10), name: fmt.Sprintf("Event%c", 'A'+i%10)}
		text := rapid.Custom(g.event).Example(int(seed>>33) + i)
		file := fmt.Sprintf("contracts/avro/%s/v1/event%c.avsc", g.context, 'a'+i%10)
		files[file] = &fstest.MapFile{Data: []byte(text)}
	}
	set, found, err := source.Load(files)
	if err != nil {
		t.Fatal(err)
	}
	m, more := model.Build(set)
	for _, d := range append(found, more...) {
		if d.Severity == diag.Error {
			t.Fatalf("%s: %s %s\n%s", d.Pos, d.Rule, d.Message, files[d.Pos.File].Data)
		}
	}
	return m
}

// A generator makes the text of one event's schema.
type generator struct {
	context, name string
	types         int      // how many named types there are
	records       []string // the records around the place, for recursion
	known         []string // enums and fixed types that can be used again
}

func (g *generator) event(t *rapid.T) string {
	g.records = []string{g.name}
	text, err := json.Marshal(map[string]any{
		"type": "record", "namespace": "pl." + g.context + ".v1", "name": g.name, "doc": "Random.",
		"pl": map[string]string{"key": ""}, "fields": g.fields(t, 0, rapid.IntRange(0, 9).Draw(t, "fields")),
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func (g *generator) fields(t *rapid.T, depth, n int) []any {
	fields := []any{}
	for i := range n {
		f := map[string]any{"name": fmt.Sprintf("field%c", 'A'+i), "doc": "Random.", "type": g.typ(t, depth)}
		if rapid.IntRange(0, 9).Draw(t, "pii") == 0 {
			f["pl"] = map[string]string{"pii": "name"}
		}
		fields = append(fields, f)
	}
	return fields
}

// simple are types without a name; each is its own branch of a union.
var simple = [][]any{
	{"boolean"}, {"float"}, {"double"},
	{"int", logical("int", "date"), logical("int", "time-millis")},
	{"long", logical("long", "time-micros"), logical("long", "timestamp-millis"), logical("long", "timestamp-micros"),
		logical("long", "timestamp-nanos"), logical("long", "local-timestamp-millis"), logical("long", "local-timestamp-micros")},
	{"bytes", map[string]any{"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 3}},
	{"string", logical("string", "uuid")},
}

func logical(typ, name string) any { return map[string]any{"type": typ, "logicalType": name} }

func (g *generator) typ(t *rapid.T, depth int) any {
	kind := rapid.IntRange(0, 15).Draw(t, "kind")
	if depth > 3 {
		kind = 0
	}
	switch kind {
	case 7:
		return "null"
	case 8, 9:
		return map[string]any{"type": "array", "items": g.typ(t, depth+1)}
	case 10:
		return map[string]any{"type": "map", "values": g.typ(t, depth+1)}
	case 11, 12, 13:
		return g.union(t, depth)
	case 14, 15:
		return g.namedType(t, depth)
	}
	return rapid.SampledFrom(rapid.SampledFrom(simple).Draw(t, "simple")).Draw(t, "form")
}

// union draws branches of different kinds. Of the types whose Go values look
// the same to the other libraries, times and decimals, it takes none.
func (g *generator) union(t *rapid.T, depth int) any {
	branches := []any{}
	if rapid.IntRange(0, 2).Draw(t, "null") > 0 {
		branches = append(branches, "null")
	}
	for range rapid.IntRange(1, 4).Draw(t, "branches") {
		switch i := rapid.IntRange(0, 10).Draw(t, "branch"); {
		case i < len(simple):
			branches = append(branches, simple[i][0])
		case i == 7:
			branches = append(branches, map[string]any{"type": "array", "items": g.typ(t, depth+1)})
		case i == 8:
			branches = append(branches, map[string]any{"type": "map", "values": g.typ(t, depth+1)})
		case i == 9:
			branches = append(branches, g.newType(t, depth))
		default: // a value must be able to end without it
			branches = append(branches, "null", rapid.SampledFrom(g.records).Draw(t, "recursion"))
		}
	}
	return unique(branches)
}

// unique drops branches that a union may not hold twice.
func unique(branches []any) []any {
	seen, kept := map[string]bool{}, []any{}
	for _, b := range branches {
		name := fmt.Sprint(b)
		if m, ok := b.(map[string]any); ok {
			name = fmt.Sprint(m["type"], m["name"])
		}
		if !seen[name] {
			kept = append(kept, b)
		}
		seen[name] = true
	}
	if len(kept) == 1 && kept[0] == "null" {
		return append(kept, "string")
	}
	return kept
}

func (g *generator) namedType(t *rapid.T, depth int) any {
	if len(g.known) > 0 && rapid.Bool().Draw(t, "again") {
		return rapid.SampledFrom(g.known).Draw(t, "known")
	}
	return g.newType(t, depth)
}

func (g *generator) newType(t *rapid.T, depth int) any {
	g.types++
	name := fmt.Sprintf("%sType%d", g.name, g.types)
	def := map[string]any{"name": name, "doc": "Random."}
	switch rapid.IntRange(0, 5).Draw(t, "named") {
	case 0:
		def["type"], def["symbols"] = "enum", []string{"RED", "DARK_BLUE", "green"}
	case 1:
		def["type"], def["size"] = "fixed", rapid.IntRange(0, 20).Draw(t, "size")
	case 2:
		def["type"], def["size"], def["logicalType"] = "fixed", 12, "duration"
	case 3:
		def["type"], def["size"], def["logicalType"], def["precision"], def["scale"] = "fixed", 6, "decimal", 10, 2
	default:
		return g.newRecord(t, name, depth)
	}
	g.known = append(g.known, name)
	return def
}

func (g *generator) newRecord(t *rapid.T, name string, depth int) any {
	g.records = append(g.records, name)
	fields := g.fields(t, depth+1, rapid.IntRange(0, 4).Draw(t, "fields"))
	g.records = g.records[:len(g.records)-1]
	return map[string]any{"type": "record", "name": name, "doc": "Random.", "fields": fields}
}

// compile emits the model, lays it over the module with the go command's
// overlay, so that nothing is written into the tree, and returns a program
// that recodes messages.
func compile(t *testing.T, m *model.Model) string {
	t.Helper()
	files, err := emit.Emit(m)
	if err != nil {
		t.Fatal(err)
	}
	root, dir := moduleRoot(t), t.TempDir()
	overlay := map[string]string{}
	add := func(name string, content []byte) {
		at := filepath.Join(dir, fmt.Sprintf("%d.go", len(overlay)))
		if err := os.WriteFile(at, content, 0o644); err != nil {
			t.Fatal(err)
		}
		overlay[filepath.Join(root, "random", name)] = at
	}
	for _, f := range files {
		add(f.Path, bytes.ReplaceAll(f.Content, []byte(`"example.com/random/`), []byte(`"github.com/pulselearn/campus-hub/random/`)))
	}
	add("main.go", []byte(mainProgram(m)))
	text, err := json.Marshal(map[string]any{"Replace": overlay})
	if err != nil {
		t.Fatal(err)
	}
	config, program := filepath.Join(dir, "overlay.json"), filepath.Join(dir, "program")
	if err := os.WriteFile(config, text, 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "build", "-overlay", config, "-o", program, "./random")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("emitted code does not compile: %v\n%s", err, out)
	}
	return program
}

func moduleRoot(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Dir(strings.TrimSpace(string(out)))
}

// mainProgram reads lines "<event> <hex>", and answers each with the event
// decoded and encoded again, or "!" and the error.
func mainProgram(m *model.Model) string {
	var imports, events strings.Builder
	seen := map[string]bool{}
	for _, e := range m.Events {
		if !seen[e.Context] {
			fmt.Fprintf(&imports, "\t%q\n", "github.com/pulselearn/campus-hub/random/gen/event/"+e.Context+"/v1")
		}
		seen[e.Context] = true
		fmt.Fprintf(&events, "\tfunc() event.Message { return new(%sv1event.%s) },\n", e.Context, e.GoName)
	}
	return `package main

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"os"

	"github.com/pulselearn/campus-hub/platform/event"
` + imports.String() + `)

var events = []func() event.Message{
` + events.String() + `}

func main() {
	out := bufio.NewWriter(os.Stdout)
	in := bufio.NewReader(os.Stdin)
	for {
		var i int
		var text string
		if _, err := fmt.Fscanln(in, &i, &text); err != nil {
			return
		}
		fmt.Fprintln(out, recode(i, text[1:]))
		out.Flush()
	}
}

func recode(i int, text string) (answer string) {
	defer func() {
		if r := recover(); r != nil {
			answer = fmt.Sprint("!panic: ", r)
		}
	}()
	data, err := hex.DecodeString(text)
	if err != nil {
		return "!" + err.Error()
	}
	e := events[i]()
	if err := e.UnmarshalBinary(data); err != nil {
		return "!" + err.Error()
	}
	_ = fmt.Sprintf("%v %#v", e, e)
	b, err := e.AppendBinary(nil)
	if err != nil {
		return "!" + err.Error()
	}
	return hex.EncodeToString(b)
}
`
}

// A recoder is the running program.
type recoder struct {
	t   *testing.T
	in  io.Writer
	out *bufio.Reader
}

func start(t *testing.T, program string) *recoder {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); _ = cmd.Wait() })
	return &recoder{t, in, bufio.NewReader(out)}
}

// expect checks what the program makes of data.
func (p *recoder) expect(event int, data, want []byte) {
	p.t.Helper()
	if answer := p.ask(event, data); answer != hex.EncodeToString(want) {
		p.t.Errorf("%x:\n got %s\nwant %x", data, answer, want)
	}
}

// refuse checks that the program takes data for no message.
func (p *recoder) refuse(event int, data []byte) {
	p.t.Helper()
	if answer := p.ask(event, data); !strings.HasPrefix(answer, "!decode") {
		p.t.Errorf("%x: %s", data, answer)
	}
}

func (p *recoder) ask(event int, data []byte) string {
	p.t.Helper()
	fmt.Fprintf(p.in, "%d x%x\n", event, data)
	answer, err := p.out.ReadString('\n')
	if err != nil {
		p.t.Fatal(err)
	}
	return strings.TrimSpace(answer)
}
