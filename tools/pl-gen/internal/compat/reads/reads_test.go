package reads

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
)

// TestOf runs handlers; e is the event. Want is what is read, with "*" for the
// whole event.
func TestOf(t *testing.T) {
	for name, c := range map[string]struct{ body, more, want string }{
		"fields":                    {body: `if e.Score > 1 { use(e.Title) }`, want: "Score Title"},
		"a field of a field":        {body: `use(e.Course.Title)`, want: "Course.Title"},
		"a method of a field":       {body: `use(e.At.Unix())`, want: "At"},
		"nothing":                   {body: `use(1)`, want: ""},
		"in a closure":              {body: `do(func() { use(e.Title) })`, want: "Title"},
		"in a literal":              {body: `use(T{e: e.Title, Score: 1})`, want: "Title"},
		"written down":              {body: `x := e; use(x)`, want: "*"},
		"a pointer to it":           {body: `use(&e)`, want: "*"},
		"its own method":            {body: `use(e.String())`, want: "*"},
		"passed to another package": {body: `other.Use(e)`, want: "*"},
		"passed to a function":      {body: `award(1, e)`, more: `func award(n int, q *quiz.Completed) { use(q.Score) }`, want: "Score"},
		"passed to a method":        {body: `s.award(e)`, more: `func (s *Service) award(q *quiz.Completed) { use(q.Score) }`, want: "Score"},
		"passed on and on":          {body: `a(e)`, more: "func a(q *quiz.Completed) { b(q) }\nfunc b(q *quiz.Completed) { use(q.Score) }", want: "Score"},
		"passed as any":             {body: `award(e)`, more: `func award(q any) {}`, want: "*"},
		"a chain of calls":          {body: `tx.Badge.Create().SetTitle(e.Title).Exec(ctx)`, want: "Title"},
		"a range":                   {body: `for _, x := range e.Items { use(x.Name) }`, want: "Items"},
		"another variable":          {body: `use(f.Score)`, want: ""},
	} {
		t.Run(name, func(t *testing.T) {
			text := "package x\n\nfunc (s *Service) OnCompleted(ctx context.Context, tx *x.Tx, e *quiz.Completed) error {\n" + c.body + "\nreturn nil\n}\n" + c.more
			use, ok, err := Of(fstest.MapFS{"services/x/x.go": {Data: []byte(text)}}, "x", "OnCompleted")
			got := strings.Join(use.Fields, " ")
			if use.Whole {
				got = "*"
			}
			if err != nil || !ok || got != c.want || use.Pos != "services/x/x.go:3" {
				t.Errorf("got %q at %s, %v, %v, want %q", got, use.Pos, ok, err, c.want)
			}
		})
	}
}

func TestAHandlerThatIsNotThere(t *testing.T) {
	for _, text := range []string{"", "package x", "package x\nfunc OnCompleted(e *quiz.Completed) {}", "package x\nfunc (s *S) OnCompleted() {}", "not Go"} {
		t.Run(fmt.Sprintf("%.30q", text), func(t *testing.T) {
			fsys := fstest.MapFS{"services/x/x.go": {Data: []byte(text)}}
			if _, ok, err := Of(fsys, "x", "OnCompleted"); ok || err != nil {
				t.Errorf("%v, %v", ok, err)
			}
			if _, ok, err := Of(fsys, "y", "OnCompleted"); ok || err != nil {
				t.Errorf("%v, %v", ok, err)
			}
		})
	}
}
