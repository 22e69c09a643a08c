package registry_test

import (
	"strings"
	"testing"

	"github.com/pulselearn/campus-hub/platform/registry"
)

// early and late are the record A without a namespace, which refers to n.B
// before it is defined, and n.B, which refers to A. Where n.B is written at its
// first use, inside A, "A" means n.A.
const (
	early = `{"type":"record","name":"A","fields":[{"name":"b","type":["null","n.B"]}]}`
	late  = `{"type":"record","name":"n.B","fields":[{"name":"a","type":["null","A"]}]}`
	sized = `{"type":"fixed","name":"n.A","size":2}`
)

func TestUnreadableTextsAreRefused(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"no schema", record(early, late), `no schema any more`},
		{"another schema", record(early, late, sized), `another schema`},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := open(t, "", registry.Options{}).Handler()
			must(t, h, "POST", "/subjects/s/versions", map[string]any{"schema": record(`"int"`)})
			body := map[string]any{"schema": c.text}
			for _, path := range []string{"/subjects/s/versions", "/subjects/new/versions", "/compatibility/subjects/s/versions"} {
				refused(t, h, 42201, "POST", path, body)
			}
			if _, got := send(t, h, "POST", "/subjects/s/versions", body); !strings.Contains(got, c.want) || !strings.Contains(got, "namespace") {
				t.Errorf("the message is %s", got)
			}
			if got := must(t, h, "POST", "/compatibility/subjects/s/versions?verbose=true", body); !strings.Contains(got, c.want) {
				t.Errorf("the verbose answer is %s", got)
			}
			refused(t, h, 40403, "POST", "/subjects/s", body)
			must(t, h, "POST", "/subjects/s/versions", map[string]any{"schema": record(`"long"`)})
		})
	}
}

// TestReadableTextsAreKept registers what differs from the refused ones in one
// respect each, under a level that reads every version back.
func TestReadableTextsAreKept(t *testing.T) {
	h := open(t, "", registry.Options{}).Handler()
	for subject, text := range map[string]string{
		"qualified":  record(strings.Replace(early, `"A"`, `"n.A"`, 1), late),
		"complete":   record(`{"type":"record","name":"A","fields":[]}`, late),
		"shadowed":   record(`{"type":"fixed","name":"A","size":1}`, late, sized),
		"in n alone": record(sized, late),
	} {
		path := "/subjects/" + strings.ReplaceAll(subject, " ", "%20") + "/versions"
		first := must(t, h, "POST", path, map[string]any{"schema": text})
		stored := must(t, h, "GET", path+"/1/schema", nil)
		if again := must(t, h, "POST", path, map[string]any{"schema": stored}); again != first {
			t.Errorf("%s: registered as %s, its text as %s", subject, first, again)
		}
		must(t, h, "POST", path, map[string]any{"schema": strings.Replace(stored, `"fields":[`, `"doc":"next","fields":[`, 1)})
	}
}

// record is a record with a field of each type.
func record(types ...string) string {
	var fields []string
	for i, text := range types {
		fields = append(fields, `{"name":"`+string(rune('p'+i))+`","type":`+text+`}`)
	}
	return `{"type":"record","name":"R","fields":[` + strings.Join(fields, ",") + `]}`
}
