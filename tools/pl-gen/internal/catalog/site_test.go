package catalog

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"flag"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/net/html"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/catalog/history"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model/modeltest"
)

var update = flag.Bool("update", false, "write the golden files")

// top is the root of this repository.
const top = "../../../.."

func build(t testing.TB, m *model.Model, h *history.History) map[string]string {
	t.Helper()
	files, err := Build(m, h)
	if err != nil {
		t.Fatal(err)
	}
	site := map[string]string{}
	for _, f := range files {
		if _, twice := site[f.Path]; twice {
			t.Errorf("%s is there twice", f.Path)
		}
		site[f.Path] = string(f.Content)
	}
	return site
}

// hostile is markup that must not reach a page as markup.
const hostile = `<script>alert(1)</script><img src=x onerror=alert(2)>"' & javascript:alert(3)`

// library is a repository with what this one lacks: two versions of an event,
// recursion, unions of records, hostile texts, an event of a context without
// service, and a oneof.
func library(t testing.TB) fstest.MapFS {
	t.Helper()
	options, err := os.ReadFile(top + "/contracts/proto/pl/options/v1/options.proto")
	if err != nil {
		t.Fatal(err)
	}
	quoted := strings.ReplaceAll(hostile, `"`, `\"`)
	return fstest.MapFS{
		"go.mod": {Data: []byte("module github.com/pulselearn/campus-hub\n")},
		"contracts/proto/pl/options/v1/options.proto": {Data: options},
		"contracts/proto/pl/library/v1/library.proto": {Data: []byte(strings.ReplaceAll(libraryProto, "HOSTILE", hostile))},
		"contracts/avro/common/v1/shelf.avsc": {Data: []byte(`{ "type": "record", "namespace": "pl.common.v1", "name": "Shelf",
  "doc": "A shelf.", "fields": [ { "name": "keeper", "type": "string", "doc": "Who keeps it.", "pl": { "pii": "name" } } ] }`)},
		"contracts/avro/library/v1/book_lost.avsc": {Data: []byte(`{ "type": "record", "namespace": "pl.library.v1", "name": "BookLost",
  "doc": "` + quoted + `", "pl": { "key": "id", "realtime": "user:{id}" },
  "fields": [
    { "name": "id", "type": "string", "doc": "` + quoted + `" },
    { "name": "note", "type": "string", "default": "` + quoted + `", "aliases": ["remark"], "doc": "A note." },
    { "name": "shelf", "type": ["null", "pl.common.v1.Shelf"], "default": null, "doc": "Where it was." },
    { "name": "parts", "type": { "type": "array", "items": "BookLost" }, "default": [], "doc": "Its parts." },
    { "name": "how", "doc": "How it was lost.", "type": [
      { "type": "record", "name": "Fire", "doc": "Burnt.", "fields": [ { "name": "at", "type": { "type": "int", "logicalType": "date" }, "doc": "When." } ] },
      { "type": "record", "name": "Flood", "doc": "Drowned.", "fields": [ { "name": "at", "type": { "type": "int", "logicalType": "time-millis" }, "doc": "When." } ] } ] },
    { "name": "price", "type": { "type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2 }, "doc": "The price." },
    { "name": "sum", "type": { "type": "fixed", "name": "Sum", "size": 4 }, "doc": "A sum." } ] }`)},
		"contracts/avro/library/v2/book_lost.avsc": {Data: []byte(`{ "type": "record", "namespace": "pl.library.v2", "name": "BookLost",
  "doc": "A book is lost.", "pl": { "key": "" }, "fields": [] }`)},
		"contracts/avro/weather/v1/rain_began.avsc": {Data: []byte(`{ "type": "record", "namespace": "pl.weather.v1", "name": "RainBegan",
  "doc": "It rains.", "pl": { "key": "" }, "fields": [ { "name": "at", "type": { "type": "long", "logicalType": "timestamp-micros" }, "doc": "Since when." } ] }`)},
	}
}

const libraryProto = `syntax = "proto3";
package pl.library.v1;
import "google/protobuf/timestamp.proto";
import "pl/options/v1/options.proto";
option go_package = "github.com/pulselearn/campus-hub/gen/proto/pl/library/v1;libraryv1";

// LibraryService HOSTILE.
service LibraryService {
  option (pl.options.v1.context) = {
    owner: "squad-library"
    publishes: "pl.library.book_lost.v1"
    publishes: "pl.library.book_lost.v2"
    consumes: {topic: "pl.library.book_lost.v1" start: START_LATEST timeout: "90s"}
  };
  // Find looks for
  // a book.
  //
  // HOSTILE
  rpc Find(FindRequest) returns (FindResponse) { option (pl.options.v1.access) = {allow: {public: true}};
    option idempotency_level = NO_SIDE_EFFECTS;
  }
}
// Tree HOSTILE
message Tree {
  option (pl.options.v1.entity) = {};
  // HOSTILE
  string id = 1 [(pl.options.v1.field).primary_key = true];
  // At.
  google.protobuf.Timestamp at = 2;
}
message FindRequest {
  // The name.
  string name = 1 [(pl.options.v1.field) = {required: true max_len: 9 pii: "name"}];
  map<string, Node> nodes = 2;
  oneof by {
    int64 number = 3;
    bytes mark = 4;
  }
}
message Node { repeated Node nodes = 1; }
message FindResponse { Node node = 1; }
`

func sites(t *testing.T) map[string]map[string]string {
	t.Helper()
	return map[string]map[string]string{
		"this repository": build(t, modeltest.Load(t, os.DirFS(top)), nil),
		"library":         build(t, modeltest.Load(t, library(t)), nil),
		"many events":     build(t, modeltest.Load(t, many(3, 20)), nil),
		"nothing":         build(t, &model.Model{}, nil),
	}
}

// A document is a parsed page.
type document struct {
	ids   []string
	hrefs []string
	tags  map[string]int
	attrs map[string]string
	title string
}

func parse(t *testing.T, text string) *document {
	t.Helper()
	root, err := html.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	d := &document{tags: map[string]int{}, attrs: map[string]string{}}
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		d.tags[n.Data]++
		if n.Data == "title" && n.FirstChild != nil && d.title == "" {
			d.title = n.FirstChild.Data
		}
		for _, a := range n.Attr {
			switch a.Key {
			case "id":
				d.ids = append(d.ids, a.Val)
			case "href", "src", "action":
				d.hrefs = append(d.hrefs, a.Val)
			}
			d.attrs[n.Data+" "+a.Key] = a.Val
		}
	}
	return d
}

// TestEveryLinkResolves follows every link of every page, also to a place
// within a page. There are no links to anything outside of the site.
func TestEveryLinkResolves(t *testing.T) {
	for name, site := range sites(t) {
		pages := map[string]*document{}
		for file, text := range site {
			if strings.HasSuffix(file, ".html") {
				pages[file] = parse(t, text)
			}
		}
		for file, page := range pages {
			for _, href := range page.hrefs {
				if href != "data:," {
					follow(t, name, file, href, site, pages)
				}
			}
		}
	}
}

func follow(t *testing.T, name, file, href string, site map[string]string, pages map[string]*document) {
	t.Helper()
	u, err := url.Parse(href)
	if err != nil || u.Scheme != "" || u.Host != "" || strings.HasPrefix(href, "/") {
		t.Errorf("%s: %s links to %q, which leaves the site", name, file, href)
		return
	}
	to := file
	if u.Path != "" {
		to = path.Join(path.Dir(file), u.Path)
	}
	if _, ok := site[to]; !ok {
		t.Errorf("%s: %s links to %s, which is not there", name, file, href)
	} else if u.Fragment != "" && !slices.Contains(pages[to].ids, u.Fragment) {
		t.Errorf("%s: %s links to %s, but %s has no such place", name, file, href, to)
	}
}

// TestPagesAreSound checks what every page needs for people who cannot see it,
// hold a phone, or search.
func TestPagesAreSound(t *testing.T) {
	for name, site := range sites(t) {
		titles := map[string]string{}
		for file, text := range site {
			if !strings.HasSuffix(file, ".html") {
				continue
			}
			d := parse(t, text)
			for i, id := range d.ids {
				if slices.Contains(d.ids[:i], id) {
					t.Errorf("%s: %s has the id %q twice", name, file, id)
				}
			}
			if other, ok := titles[d.title]; ok || d.title == "" {
				t.Errorf("%s: %s and %s have the title %q", name, file, other, d.title)
			}
			titles[d.title] = file
			if d.attrs["html lang"] != "en" || !strings.Contains(text, `name="viewport"`) {
				t.Errorf("%s: %s has no language or viewport", name, file)
			}
			for tag, want := range map[string]int{"h1": 1, "main": 1, "header": 1, "script": 1, "style": 0, "img": 0, "iframe": 0} {
				if d.tags[tag] != want {
					t.Errorf("%s: %s has %d <%s>, want %d", name, file, d.tags[tag], tag, want)
				}
			}
			for attr := range d.attrs {
				if strings.Contains(attr, " on") || strings.HasSuffix(attr, " style") {
					t.Errorf("%s: %s has the attribute %s", name, file, attr)
				}
			}
		}
	}
}

func TestHostileTextsStayTexts(t *testing.T) {
	for file, text := range build(t, modeltest.Load(t, library(t)), nil) {
		if strings.HasSuffix(file, ".html") && (strings.Contains(text, "<script>alert") || strings.Contains(text, "<img")) {
			t.Errorf("%s has markup from a contract", file)
		}
	}
	site := build(t, modeltest.Load(t, library(t)), nil)
	if !strings.Contains(site["events/pl.library.book_lost.v1.html"], "&lt;script&gt;alert(1)") {
		t.Error("the text itself is lost")
	}
}

func TestBuildingTwiceGivesTheSame(t *testing.T) {
	for _, fsys := range []fs.FS{os.DirFS(top), library(t), many(3, 20)} {
		first := build(t, modeltest.Load(t, fsys), nil)
		for range 3 {
			second := build(t, modeltest.Load(t, fsys), nil)
			for file, text := range first {
				if second[file] != text {
					t.Errorf("%s differs", file)
				}
			}
		}
	}
}

// TestGolden compares whole files of the library; "go test -update" writes
// them.
func TestGolden(t *testing.T) {
	site := build(t, modeltest.Load(t, library(t)), nil)
	for _, file := range []string{"events/pl.library.book_lost.v1.html", "calls/library.Find.html", "contexts/library.html", "llms.txt"} {
		golden := "testdata/golden/" + path.Base(file)
		if *update {
			if err := os.WriteFile(golden, []byte(site[file]), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(want, []byte(site[file])) {
			t.Errorf("%s is not as in %s; look at it, then run go test -update", file, golden)
		}
	}
}

func TestTheScriptIsTheOneThatThePolicyAllows(t *testing.T) {
	text := build(t, modeltest.Load(t, library(t)), nil)["index.html"]
	_, rest, _ := strings.Cut(text, "<script>")
	code, _, ok := strings.Cut(rest, "</script>")
	sum := sha256.Sum256([]byte(code))
	if want := "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; !ok || !strings.Contains(ContentSecurityPolicy(), want) {
		t.Errorf("the policy %q does not allow the script, %s", ContentSecurityPolicy(), want)
	}
}

func TestSearchListsEveryPage(t *testing.T) {
	for name, site := range sites(t) {
		listed := parse(t, site["search.html"]).hrefs
		for file := range site {
			if strings.Contains(file, "/") && strings.HasSuffix(file, ".html") && !slices.Contains(listed, file) {
				t.Errorf("%s: %s cannot be found", name, file)
			}
		}
	}
	site := build(t, modeltest.Load(t, library(t)), nil)
	for _, word := range []string{"keeper", "number", "squad-library"} {
		if !strings.Contains(site["search.html"], word) {
			t.Errorf("%q cannot be found", word)
		}
	}
}

func TestProse(t *testing.T) {
	for doc, want := range map[string]string{
		"":                                   "",
		"One\nline.":                         "One line.",
		"One.\n\nTwo\nlines.":                "One.\n\nTwo lines.",
		"List:\n- a\n- b\nMore.":             "List:\n- a\n- b More.",
		"Code:\n\n    x := 1\n\nThen\nmore.": "Code:\n\n    x := 1\n\nThen more.",
	} {
		if got := prose(doc); got != want {
			t.Errorf("prose(%q) = %q, want %q", doc, got, want)
		}
	}
}

// many is a repository with that many contexts, each with that many events;
// every context consumes some events of every other.
func many(contexts, events int) fstest.MapFS {
	fsys := fstest.MapFS{"go.mod": {Data: []byte("module example.com/school\n")}}
	for c := range contexts {
		for e := range events {
			fsys[fmt.Sprintf("contracts/avro/area%02d/v1/thing%03d_happened.avsc", c, e)] = &fstest.MapFile{Data: fmt.Appendf(nil,
				`{ "type": "record", "namespace": "pl.area%02d.v1", "name": "Thing%03dHappened", "doc": "It happened.", "pl": { "key": "id" },
  "fields": [ { "name": "id", "type": "string", "doc": "The id." }, { "name": "at", "type": { "type": "long", "logicalType": "timestamp-micros" }, "doc": "When." },
    { "name": "inner", "doc": "More.", "type": { "type": "array", "items": { "type": "record", "name": "Inner%03d", "doc": "D.", "fields": [
      { "name": "a", "type": ["null", "string"], "default": null, "doc": "A." }, { "name": "b", "type": "double", "doc": "B." } ] } } } ] }`, c, e, e)}
		}
	}
	return fsys
}

func BenchmarkThousandEvents(b *testing.B) {
	m := modeltest.Load(b, many(40, 25))
	for b.Loop() {
		build(b, m, nil)
	}
}

func TestPersonalDataIsFoundInSharedRecords(t *testing.T) {
	site := build(t, modeltest.Load(t, library(t)), nil)
	if page := site["events/pl.library.book_lost.v1.html"]; !strings.Contains(page, "<code>shelf.keeper</code>") {
		t.Error("personal data in a shared record is not told")
	}
}
