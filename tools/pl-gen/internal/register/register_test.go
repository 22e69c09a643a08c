package register_test

import (
	"bytes"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/pulselearn/campus-hub/platform/registry"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/register"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/source"
)

// embedded starts the platform's own registry.
func embedded(t *testing.T) string {
	t.Helper()
	r, err := registry.Open(t.TempDir(), registry.Options{})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(r.Handler())
	t.Cleanup(func() {
		server.Close()
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return server.URL
}

// TestRegistries runs every scenario against our registry and a foreign one,
// which has to treat the requests alike.
func TestRegistries(t *testing.T) {
	for name, start := range map[string]func(*testing.T) string{"embedded": embedded, "apicurio": apicurio} {
		t.Run(name, func(t *testing.T) {
			url := start(t)
			for name, scenario := range scenarios {
				t.Run(name, func(t *testing.T) { scenario(&lab{T: t, registry: open(t, url), context: name}) })
			}
		})
	}
}

var scenarios = map[string]func(*lab){
	"twice":        twice,
	"evolving":     evolving,
	"incompatible": incompatible,
	"levels":       levels,
	"shared":       shared,
}

// A lab is one scenario: a context of its own in a registry.
type lab struct {
	*testing.T
	registry *register.Registry
	context  string
}

func open(t *testing.T, url string) *register.Registry {
	t.Helper()
	r, err := register.Open(url)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// events reads contracts with the named events, whose pl property and fields
// are given.
func (l *lab) events(schemas map[string]string) []*model.Event {
	l.Helper()
	files := fstest.MapFS{"go.mod": {Data: []byte("module example.com/school\n")}}
	for name, rest := range schemas {
		context, record := l.context, strings.ToUpper(name[:1])+name[1:]
		if name == "money" {
			context = "common"
		}
		files["contracts/avro/"+context+"/v1/"+name+".avsc"] = &fstest.MapFile{Data: fmt.Appendf(nil,
			`{"type":"record","namespace":"pl.%s.v1","name":%q,"doc":"Something.",%s}`, context, record, rest)}
	}
	set, found, err := source.Load(files)
	if err != nil || len(found) > 0 {
		l.Fatal(err, found)
	}
	m, _ := model.Build(set)
	return m.Events
}

func (l *lab) plan(events []*model.Event) register.Plan {
	l.Helper()
	plan, err := register.MakePlan(l.Context(), l.registry, events)
	if err != nil {
		l.Fatal(err)
	}
	return plan
}

func (l *lab) apply(events []*model.Event) register.Lock {
	l.Helper()
	lock, err := l.plan(events).Apply(l.Context(), l.registry)
	if err != nil {
		l.Fatal(err)
	}
	return lock
}

// summary is the plan as one line a subject, without ids.
func summary(plan register.Plan) string {
	var b strings.Builder
	for _, s := range plan {
		fmt.Fprintf(&b, "%s %s v%d %s→%s %d; ", s.Event.Name, s.Action, s.Version, s.LevelBefore, s.Event.Compatibility, len(s.Violations))
	}
	return b.String()
}

func (l *lab) expect(plan register.Plan, want string) {
	l.Helper()
	if got := summary(plan); got != want {
		l.Errorf("the plan is\n%s\nwant\n%s", got, want)
	}
}

const one = `"pl":{"key":"id"},"fields":[{"name":"id","type":"string","doc":"It."}]`

func twice(l *lab) {
	events := l.events(map[string]string{"opened": one, "closed": one})
	l.expect(l.plan(events), "closed register v1 →FULL_TRANSITIVE 0; opened register v1 →FULL_TRANSITIVE 0; ")
	first := l.apply(events)
	l.expect(l.plan(events), "closed keep v1 FULL_TRANSITIVE→FULL_TRANSITIVE 0; opened keep v1 FULL_TRANSITIVE→FULL_TRANSITIVE 0; ")
	if second := l.apply(events); !bytes.Equal(first.Bytes(), second.Bytes()) {
		l.Errorf("applying twice gives other locks:\n%s\n%s", first.Bytes(), second.Bytes())
	}
	for _, e := range first {
		if e.ID <= 0 || e.Version != 1 {
			l.Errorf("%s has the id %d and the version %d", e.Subject, e.ID, e.Version)
		}
	}
}

func evolving(l *lab) {
	lock := l.apply(l.events(map[string]string{"opened": one}))
	next := l.events(map[string]string{"opened": strings.Replace(one, `"doc":"It."}`, `"doc":"It."},{"name":"note","type":["null","string"],"default":null}`, 1)})
	l.expect(l.plan(next), "opened register v2 FULL_TRANSITIVE→FULL_TRANSITIVE 0; ")
	both := lock.With(l.apply(next))
	if len(both) != 2 || both[0].Version != 1 || both[1].Version != 2 || both[0].ID == both[1].ID {
		l.Errorf("the lock does not have both versions:\n%s", both.Bytes())
	}
}

func incompatible(l *lab) {
	l.apply(l.events(map[string]string{"opened": one}))
	next := l.events(map[string]string{"opened": `"pl":{"key":"number"},"fields":[{"name":"number","type":"int"}]`, "closed": one})
	plan := l.plan(next)
	l.expect(plan, "closed register v1 →FULL_TRANSITIVE 0; opened refused v2 FULL_TRANSITIVE→FULL_TRANSITIVE 2; ")
	if !plan.Refused() {
		l.Error("the plan is not refused")
	}
	// The registry's own opinion, which the plan spares it: a plan in which
	// the violations were overlooked.
	overlooked := register.Plan{{Event: next[1], Action: register.Add, LevelBefore: next[1].Compatibility}}
	if _, err := overlooked.Apply(l.Context(), l.registry); err == nil || !strings.Contains(err.Error(), "incompatible") {
		l.Errorf("the registry took the schema: %v", err)
	}
}

func levels(l *lab) {
	l.apply(l.events(map[string]string{"opened": one}))
	loose := l.events(map[string]string{"opened": `"pl":{"key":"number","compat":"NONE"},"fields":[{"name":"number","type":"int"}]`})
	l.expect(l.plan(loose), "opened register v2 FULL_TRANSITIVE→NONE 0; ")
	l.apply(loose)
	l.expect(l.plan(loose), "opened keep v2 NONE→NONE 0; ")
}

// shared registers two events that share a record, whose text is in both.
func shared(l *lab) {
	priced := `"pl":{"key":"id"},"fields":[{"name":"id","type":"string"},{"name":"price","type":"pl.common.v1.Money"}]`
	events := l.events(map[string]string{"money": `"fields":[{"name":"amount","type":"long"}]`, "opened": priced, "closed": priced})
	l.apply(events)
	l.expect(l.plan(events), "closed keep v1 FULL_TRANSITIVE→FULL_TRANSITIVE 0; opened keep v1 FULL_TRANSITIVE→FULL_TRANSITIVE 0; ")
}

func TestNoRegistryThere(t *testing.T) {
	web := httptest.NewServer(nil) // answers 404 without an error code
	defer web.Close()
	for url, want := range map[string]string{
		web.URL:                    "answers as a registry does",
		"http://127.0.0.1:1":       "is a registry at http://127.0.0.1:1",
		"http://me:secret@[::1]:1": "is a registry at http://[::1]:1",
	} {
		l := &lab{T: t, registry: open(t, url), context: "school"}
		_, err := register.MakePlan(t.Context(), l.registry, l.events(map[string]string{"opened": one}))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", url, err)
		}
	}
	if _, err := register.Open("127.0.0.1:8081"); err == nil {
		t.Error("an address without a scheme is taken")
	}
}
