package source

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"pgregory.net/rapid"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
)

func load(t *testing.T, files map[string]string) (*Set, []diag.Diagnostic) {
	t.Helper()
	fsys := fstest.MapFS{"go.mod": {Data: []byte("// a comment\nmodule example.com/school\n")}}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	set, found, err := Load(fsys)
	if err != nil {
		t.Fatal(err)
	}
	return set, diag.Sort(found)
}

const head = "syntax = \"proto3\";\npackage p;\n"

func TestBrokenFilesHideNothing(t *testing.T) {
	set, found := load(t, map[string]string{
		ProtoRoot + "/a.proto":         head + "message A { int32 x = 1 }\n",
		ProtoRoot + "/b.proto":         head + "message B { Nothing x = 1; Nobody y = 2; }\n",
		ProtoRoot + "/c.proto":         head + "import \"no/such.proto\";\n",
		ProtoRoot + "/d.proto":         head + "import \"a.proto\";\nmessage D { A a = 1; }\n",
		ProtoRoot + "/e.proto":         head + "message E { }\n",
		ProtoRoot + "/f.proto":         head + "import \"g.proto\";\n",
		ProtoRoot + "/g.proto":         head + "import \"f.proto\";\n",
		ProtoRoot + "/h.proto":         head + "message E { }\n",
		AvroRoot + "/x/v1/a.avsc":      "{",
		AvroRoot + "/x/v1/b.avsc":      `{"type":"record","name":"B","fields":[{"name":"f","type":"Nothing"},{"name":"f","type":"int"}]}`,
		AvroRoot + "/x/v1/c.avsc":      `{"type":"record","name":"C","fields":[{"name":"c","type":"C"}]}`,
		AvroRoot + "/x/v1/d.avsc":      `{"type":"record","name":"D","fields":[]}`,
		AvroRoot + "/x/v1/e.avsc":      `{"type":"record","name":"E","fields":[],"doc":"one","doc":"two"}`,
		AvroRoot + "/x/v1/readme.text": "not a schema",
	})
	var got []string
	for _, d := range found {
		got = append(got, fmt.Sprintf("%s %s", strings.TrimPrefix(d.Place(), "contracts/"), d.Rule))
		if d.Cause == "" || d.Fix == "" {
			t.Errorf("no cause or fix: %+v", d)
		}
	}
	want := []string{
		"avro/x/v1/a.avsc:1:2 AVRO_SYNTAX",
		"avro/x/v1/b.avsc:1:58 AVRO_UNKNOWN_TYPE", "avro/x/v1/b.avsc:1:77 AVRO_INVALID",
		"avro/x/v1/c.avsc:1:58 AVRO_ENDLESS",
		"avro/x/v1/e.avsc:1:53 AVRO_INVALID",
		"proto/a.proto:3:25 PROTO_SYNTAX",
		"proto/b.proto:3:13 PROTO_SYNTAX", "proto/b.proto:3:28 PROTO_SYNTAX",
		"proto/c.proto:3:8 PROTO_SYNTAX",
		"proto/h.proto:3:9 PROTO_SYNTAX",
	}
	for _, w := range want {
		if !strings.Contains(strings.Join(got, "\n"), w) {
			t.Errorf("%q is missing from\n%s", w, strings.Join(got, "\n"))
		}
	}
	whole := map[string]bool{}
	for _, p := range set.Proto {
		whole[p.ImportPath()] = p.File != nil
	}
	for name, want := range map[string]bool{"a.proto": false, "b.proto": false, "c.proto": false, "d.proto": false} {
		if whole[name] != want {
			t.Errorf("%s was compiled: %v, want %v", name, whole[name], want)
		}
	}
	for _, d := range found {
		if strings.HasSuffix(d.Pos.File, "d.proto") || strings.HasSuffix(d.Pos.File, "d.avsc") {
			t.Errorf("a file is blamed for another one's fault: %s", d)
		}
	}
	for _, twice := range []string{"f.proto", "g.proto"} {
		if !whole["f.proto"] && !whole["g.proto"] {
			break
		}
		t.Errorf("%s imports itself in a circle and was compiled", twice)
	}
}

func TestNoContracts(t *testing.T) {
	set, found := load(t, nil)
	if len(set.Avro)+len(set.Proto)+len(found) > 0 || set.Module != "example.com/school" {
		t.Errorf("got %+v, %v", set, found)
	}
	if _, _, err := Load(fstest.MapFS{}); err == nil {
		t.Error("a directory without go.mod was read")
	}
	if _, _, err := Load(fstest.MapFS{"go.mod": {Data: []byte("go 1.26\n")}}); err == nil || !strings.Contains(err.Error(), "no module line") {
		t.Errorf("a go.mod without a module: %v", err)
	}
}

func TestPlaces(t *testing.T) {
	text := []byte("{ \"pl\":\n  { \"key\": \"a\",\n    \"allow\" : [ {\"rule\":1} ,2 ] } }\n")
	pos := diag.Pos{File: "f", Line: 2, Col: 3}
	got := Places(text, pos)
	for pointer, want := range map[string]string{
		"": "2:3", "/key#": "2:5", "/key": "2:12", "/allow#": "3:5", "/allow": "3:15", "/allow/0": "3:17", "/allow/0/rule": "3:25", "/allow/1": "3:29",
	} {
		if at := fmt.Sprintf("%d:%d", got[pointer].Line, got[pointer].Col); at != want {
			t.Errorf("%q is at %s, want %s", pointer, at, want)
		}
	}
	if end := End(text, pos); end.Line != 3 || end.Col != 34 {
		t.Errorf("the value ends at %d:%d, want 3:34", end.Line, end.Col)
	}
}

func TestPlacesNeverPanic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := []byte(rapid.StringOf(rapid.SampledFrom([]rune("{}[]:,\"\\a1 \n\t"))).Draw(t, "text"))
		pos := diag.Pos{Line: rapid.IntRange(-1, 5).Draw(t, "line"), Col: rapid.IntRange(-1, 9).Draw(t, "col")}
		Places(text, pos)
		End(text, pos)
	})
}
