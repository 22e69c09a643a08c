// Package access holds the hub to what its contracts say about who may call:
// every call is made by everybody, and what comes of it is compared with the
// access options as the descriptors have them, and with a table that people
// review.
package access

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect/v2"
	"github.com/rogpeppe/go-internal/diff"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	optionsv1 "github.com/pulselearn/campus-hub/gen/proto/pl/options/v1"
	"github.com/pulselearn/campus-hub/platform/identity"
	"github.com/pulselearn/campus-hub/platform/platformtest"
)

var update = flag.Bool("update", false, "write the table; its changes are then to be reviewed")

const golden = "testdata/who-may-call.md"

// mine is the id of every person who calls, and of the others whose data is
// asked for.
const mine, others = "me", "somebody-else"

// A column is one kind of caller, with the id that the strings of a request
// hold.
type column struct {
	name   string
	caller identity.Caller
	id     string
}

var people = []column{
	{"nobody", identity.Caller{}, mine},
	{"student, own", platformtest.Student(mine), mine},
	{"student, other's", platformtest.Student(mine), others},
	{"teacher, own", platformtest.Teacher(mine), mine},
	{"teacher, other's", platformtest.Teacher(mine), others},
	{"admin", platformtest.Admin(mine), others},
}

func TestWhoMayCall(t *testing.T) {
	methods := contracts(t)
	names := contexts(methods)
	var table bytes.Buffer
	platformtest.Run(t, register, func(h *platformtest.Harness) {
		head(&table)
		for _, m := range methods {
			row(&table, h, m, names)
		}
	})
	if *update {
		if err := os.WriteFile(golden, table.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, table.Bytes()) {
		t.Errorf("who may call has changed; go test ./e2e/access -update writes it:\n%s", diff.Diff(golden, want, "now", table.Bytes()))
	}
}

func head(w *bytes.Buffer) {
	w.WriteString("# Who may call\n\nWhat the hub answers to each kind of caller: x is let in, and blank is refused. \"Own\" and \"other's\" say whose id the request holds.\n" +
		"Behind the door, handlers may show a person less: what belongs to others is not found.\n\n| call |")
	for _, c := range people {
		fmt.Fprintf(w, " %s |", c.name)
	}
	w.WriteString(" contexts |\n|---|" + strings.Repeat("---|", len(people)+1) + "\n")
}

// row makes one call as everybody.
func row(w *bytes.Buffer, h *platformtest.Harness, m protoreflect.MethodDescriptor, contexts []string) {
	fmt.Fprintf(w, "| %s.%s |", contextOf(m), m.Name())
	for _, c := range people {
		mark := " "
		if letIn(h, m, c) {
			mark = "x"
		}
		fmt.Fprintf(w, " %s |", mark)
	}
	var in []string
	for _, name := range contexts {
		if letIn(h, m, column{name, platformtest.Context(name), mine}) {
			in = append(in, name)
		}
	}
	if len(in) == len(contexts) {
		in = []string{"all"}
	}
	fmt.Fprintf(w, " %s |\n", strings.Join(in, ", "))
}

// letIn makes the call and compares what comes of it with the contract.
func letIn(h *platformtest.Harness, m protoreflect.MethodDescriptor, c column) bool {
	h.T.Helper()
	req := request(m.Input(), c.id)
	err := h.Client(contextOf(m), c.caller).CallUnary(h.T.Context(), connect.Spec{
		Procedure: fmt.Sprintf("/%s/%s", m.Parent().FullName(), m.Name()), StreamType: connect.StreamTypeUnary,
	}, req, dynamicpb.NewMessage(m.Output()))
	in := !refused(err)
	if want := allowed(m, c.caller, req); in != want {
		h.T.Errorf("%s as %s: let in %v, and its contract says %v; %v", m.FullName(), c.name, in, want, err)
	}
	return in
}

// refused tells the refusal of the door from what handlers say.
func refused(err error) bool {
	code := connect.CodeOf(err)
	return (code == connect.CodeUnauthenticated || code == connect.CodePermissionDenied) && strings.Contains(err.Error(), " lets ")
}

// allowed reads the contract, without what pl-gen makes of it.
func allowed(m protoreflect.MethodDescriptor, c identity.Caller, req protoreflect.Message) bool {
	access, _ := proto.GetExtension(m.Options(), optionsv1.E_Access).(*optionsv1.Access)
	return slices.ContainsFunc(access.GetAllow(), func(a *optionsv1.Allow) bool {
		if a.GetService() != "" || c.Service != "" {
			return a.GetPublic() || a.GetService() == c.Service
		}
		owns := a.GetOwn() == "" || req.Get(m.Input().Fields().ByName(protoreflect.Name(a.GetOwn()))).String() == c.Subject
		has := a.GetRole() == "" || slices.Contains(c.Roles, a.GetRole())
		return a.GetPublic() || c.Subject != "" && owns && has && a.GetScope() == ""
	})
}

// request returns a message whose strings are the id. It is seldom valid, which
// is looked at behind the door.
func request(d protoreflect.MessageDescriptor, id string) *dynamicpb.Message {
	m := dynamicpb.NewMessage(d)
	for i := range d.Fields().Len() {
		if f := d.Fields().Get(i); f.Kind() == protoreflect.StringKind && !f.IsList() && !f.IsMap() {
			m.Set(f, protoreflect.ValueOfString(id))
		}
	}
	return m
}
