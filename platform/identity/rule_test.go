package identity_test

import (
	"testing"

	"github.com/pulselearn/campus-hub/platform/identity"
)

func owner(request any) string { return request.(string) }

func TestRules(t *testing.T) {
	t.Parallel()
	ada := identity.Caller{Subject: "ada", Roles: []string{identity.Student}, Scopes: []string{"read"}}
	tess := identity.Caller{Subject: "tess", Roles: []string{identity.Teacher, identity.Student}}
	course := identity.Caller{Service: "course"}
	nobody := identity.Caller{}
	odd := identity.Caller{Service: "course", Subject: "ada", Roles: []string{identity.Admin}} // no verifier makes one
	own := identity.Rule{Role: identity.Student, Own: "student_id", Owner: owner}
	for _, test := range []struct {
		name   string
		rules  identity.Rules
		caller identity.Caller
		judged identity.Verdict
		owned  bool // with a request of ada's
	}{
		{"no rules, an admin", nil, identity.Caller{Subject: "root", Roles: []string{identity.Admin}}, identity.Refused, false},
		{"the zero rule", identity.Rules{{}}, ada, identity.Refused, false},
		{"the zero rule, nobody", identity.Rules{{}}, nobody, identity.Refused, false},
		{"public, nobody", identity.Rules{{Public: true}}, nobody, identity.Admitted, true},
		{"role", identity.Rules{{Role: identity.Student}}, ada, identity.Admitted, true},
		{"one of two roles", identity.Rules{{Role: identity.Teacher}}, tess, identity.Admitted, true},
		{"another role", identity.Rules{{Role: identity.Teacher}}, ada, identity.Refused, false},
		{"a role, nobody", identity.Rules{{Role: identity.Student}}, nobody, identity.Refused, false},
		{"a role, a context", identity.Rules{{Role: identity.Student}}, course, identity.Refused, false},
		{"a role, a context that claims one", identity.Rules{{Role: identity.Admin}}, odd, identity.Refused, false},
		{"own", identity.Rules{own}, ada, identity.IfOwner, true},
		{"another's", identity.Rules{own}, tess, identity.IfOwner, false},
		{"own, of no role", identity.Rules{{Own: "id", Owner: owner}}, ada, identity.IfOwner, true},
		{"own, nobody", identity.Rules{{Own: "id", Owner: owner}}, nobody, identity.Refused, false},
		{"own, or a role", identity.Rules{own, {Role: identity.Teacher}}, tess, identity.Admitted, true},
		{"scope", identity.Rules{{Scope: "read"}}, ada, identity.Admitted, true},
		{"another scope", identity.Rules{{Scope: "write"}}, ada, identity.Refused, false},
		{"scope and role", identity.Rules{{Role: identity.Student, Scope: "write"}}, ada, identity.Refused, false},
		{"service", identity.Rules{{Service: "course"}}, course, identity.Admitted, true},
		{"another service", identity.Rules{{Service: "billing"}}, course, identity.Refused, false},
		{"service, a person of that name", identity.Rules{{Service: "course"}}, identity.Caller{Subject: "course"}, identity.Refused, false},
	} {
		if got := test.rules.Judge(test.caller); got != test.judged {
			t.Errorf("%s: judged %v, want %v", test.name, got, test.judged)
		}
		if got := test.rules.Owned(test.caller, "ada"); got != test.owned {
			t.Errorf("%s: with the request %v, want %v", test.name, got, test.owned)
		}
	}
}

// A request without an owner is nobody's.
func TestAnEmptyOwnerIsNobody(t *testing.T) {
	t.Parallel()
	own := identity.Rules{{Own: "student_id", Owner: owner}}
	for _, c := range []identity.Caller{{}, {Service: "course"}, {Subject: "ada"}} {
		if own.Owned(c, "") {
			t.Errorf("%s owns what belongs to nobody", c.Name())
		}
	}
}

func TestRulesSayWhoIsLetIn(t *testing.T) {
	t.Parallel()
	rules := identity.Rules{
		{Role: "student", Own: "student_id", Owner: owner}, {Role: "admin"}, {Scope: "read"}, {Service: "course"},
	}
	const want = "a student whose own id is student_id, an admin, a person with the scope read or the context course"
	if got := rules.String(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := (identity.Rules{{Public: true}}).String() + identity.Rules(nil).String(); got != "everybodynobody" {
		t.Errorf("got %q", got)
	}
}

func TestActsFor(t *testing.T) {
	t.Parallel()
	ada := identity.Caller{Subject: "ada", Roles: []string{identity.Student}}
	for _, test := range []struct {
		caller identity.Caller
		id     string
		want   bool
	}{
		{ada, "ada", true}, {ada, "ben", false}, {identity.Caller{}, "", false}, {identity.Caller{Service: "course"}, "", false},
		{identity.Caller{Subject: "root", Roles: []string{identity.Admin}}, "ada", true},
	} {
		if got := test.caller.ActsFor(test.id, identity.Admin); got != test.want {
			t.Errorf("%s for %q: %v", test.caller.Name(), test.id, got)
		}
	}
}
