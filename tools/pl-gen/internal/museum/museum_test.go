package museum

import (
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"

	twmb "github.com/twmb/avro"

	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/source"
)

// corpus is the emitter's: every type that a contract can hold.
const corpus = "../emit/event/testdata/corpus"

// events reads the contracts of a repository, to which go.mod is added.
func events(t *testing.T, fsys fs.FS) []*model.Event {
	t.Helper()
	files := fstest.MapFS{"go.mod": {Data: []byte("module example.com/school\n")}}
	err := fs.WalkDir(fsys, "contracts/avro", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(fsys, name)
		files[name] = &fstest.MapFile{Data: text}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	set, found, err := source.Load(files)
	if err != nil || len(found) > 0 {
		t.Fatal(err, found)
	}
	m, _ := model.Build(set)
	return m.Events
}

// schemas are the corpus and what it lacks.
func schemas(t *testing.T) map[string][]byte {
	t.Helper()
	texts := map[string][]byte{
		"tree": []byte(`{"type":"record","name":"Tree","fields":[{"name":"left","type":["null","Tree"]},{"name":"more","type":{"type":"array","items":"Tree"}},
			{"name":"by","type":{"type":"map","values":["Tree","string"]}}]}`),
		"deciding last":  []byte(`{"type":"record","name":"R","fields":[{"name":"u","type":["R",{"type":"record","name":"Leaf","fields":[]}]}]}`),
		"deciding first": []byte(`{"type":"record","name":"R","fields":[{"name":"u","type":[{"type":"record","name":"Leaf","fields":[]},"R"]}]}`),
		"ping pong": []byte(`{"type":"record","name":"Ping","fields":[{"name":"u","type":["Ping",{"type":"record","name":"Pong","fields":[
			{"name":"u","type":["Ping","Pong",{"type":"record","name":"End","fields":[]}]}]}]}]}`),
		"one symbol":   []byte(`{"type":"record","name":"E","fields":[{"name":"e","type":{"type":"enum","name":"Only","symbols":["ONE"]}}]}`),
		"many symbols": []byte(`{"type":"record","name":"M","fields":[{"name":"e","type":{"type":"enum","name":"Many","symbols":["A","B","C","D","E","F","G","H","I"]}}]}`),
	}
	for _, e := range events(t, os.DirFS(corpus)) {
		texts[e.Topic] = e.Text
	}
	if len(texts) < 8 {
		t.Fatalf("only %d schemas were found", len(texts))
	}
	return texts
}

// TestSamplesAreData has another implementation decode every sample, to the
// last byte.
func TestSamplesAreData(t *testing.T) {
	for name, text := range schemas(t) {
		s, err := avro.Parse(name, text, nil)
		if err != nil {
			t.Fatal(err)
		}
		samples, err := Samples(s)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		other := twmb.MustParse(string(text))
		for _, sample := range samples {
			var value any
			rest, err := other.Decode(sample.Data, &value)
			if err != nil || len(rest) > 0 {
				t.Errorf("%s, %s: %v, %d bytes are left", name, sample.Name, err, len(rest))
			}
		}
		again, err := Samples(s)
		if err != nil || !reflect.DeepEqual(samples, again) {
			t.Errorf("%s: the samples are not always the same", name)
		}
	}
}

func TestSamplesCoverEverySymbol(t *testing.T) {
	s, err := avro.Parse("many", schemas(t)["many symbols"], nil)
	if err != nil {
		t.Fatal(err)
	}
	samples, err := Samples(s)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[byte]bool{}
	for _, sample := range samples {
		seen[sample.Data[0]] = true
	}
	if len(seen) != 9 {
		t.Errorf("%d of 9 symbols are in the samples", len(seen))
	}
}

func TestSchemasWithoutData(t *testing.T) {
	for _, text := range []string{
		`{"type":"record","name":"R","fields":[{"name":"r","type":"R"}]}`,
		`{"type":"record","name":"R","fields":[{"name":"r","type":[]}]}`,
		`{"type":"enum","name":"E","symbols":[]}`,
	} {
		s, err := avro.Parse("nothing", []byte(text), nil)
		if err != nil {
			t.Logf("%s is no schema: %v", text, err)
			continue
		}
		if _, err := Samples(s); err == nil {
			t.Errorf("%s has samples", text)
		}
	}
}

const schemaFile = "contracts/avro/school/v1/opened.avsc"

func repository(doc string) fstest.MapFS {
	return fstest.MapFS{schemaFile: {Data: fmt.Appendf(nil,
		`{"type":"record","namespace":"pl.school.v1","name":"Opened","doc":%q,"pl":{"key":"id"},"fields":[{"name":"id","type":"string"}]}`, doc)}}
}

func TestMuseumGrows(t *testing.T) {
	repo := repository("It opened.")
	if got := add(t, repo); got != "pl.school.opened.v1/1.hex pl.school.opened.v1/1.avsc" {
		t.Errorf("the first version is in %s", got)
	}
	if got := add(t, repo); got != "" {
		t.Errorf("a version that is there is added: %s", got)
	}
	repo[schemaFile] = repository("It has opened.")[schemaFile]
	if got := add(t, repo); got != "pl.school.opened.v1/2.hex pl.school.opened.v1/2.avsc" {
		t.Errorf("the second version is in %s", got)
	}
	repo[schemaFile] = repository("It opened.")[schemaFile]
	if got := add(t, repo); got != "" {
		t.Errorf("a version that is there from before is added: %s", got)
	}
}

// add adds what the museum lacks and returns the names of the new files.
func add(t *testing.T, repo fstest.MapFS) string {
	t.Helper()
	m, err := Read(repo)
	if err != nil {
		t.Fatal(err)
	}
	current := events(t, repo)
	var names []string
	if got, want := len(m.Findings(current)), len(m.Missing(current)); got != want {
		t.Errorf("%d findings about %d missing versions", got, want)
	}
	for _, e := range m.Missing(current) {
		files, err := m.Add(e)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			repo[f.Path] = &fstest.MapFile{Data: f.Content}
			names = append(names, strings.TrimPrefix(f.Path, Root+"/"))
		}
	}
	return strings.Join(names, " ")
}

func TestDamagedMuseum(t *testing.T) {
	for want, repo := range map[string]fstest.MapFS{
		"restore the file":           {Root + "/pl.a.b.v1/1.avsc": {}},
		"is not named <number>.avsc": {Root + "/pl.a.b.v1/first.avsc": {}},
	} {
		if _, err := Read(repo); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v instead of %q", err, want)
		}
	}
}
