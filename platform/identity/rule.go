package identity

import "strings"

// A Rule lets callers in that fulfil everything that it says. The zero Rule
// lets nobody in. Generated code makes rules of the contracts.
type Rule struct {
	// Public lets everybody in, and says nothing else.
	Public bool
	// Role is a role that the person has, "" for any or none.
	Role string
	// Scope is what the person's token was issued for, "" for anything.
	Scope string
	// Service is the context that calls. No person fulfils it.
	Service string
	// Own is the request's field that holds the caller's own id, and Owner
	// returns its value of a request of the call's type. Both or neither are
	// set.
	Own   string
	Owner func(request any) string
}

// Rules are what lets callers in: one of them suffices, and without any nobody
// is let in. They must not be changed.
type Rules []Rule

// A Verdict is what rules say about a caller whose request is not read yet.
type Verdict int

// The verdicts of [Rules.Judge].
const (
	// Refused holds whatever the request says.
	Refused Verdict = iota
	// IfOwner depends on whose the request is: ask [Rules.Owned].
	IfOwner
	// Admitted holds whatever the request says.
	Admitted
)

// Judge says whether c is let in, as far as that can be told without the
// request.
func (rs Rules) Judge(c Caller) Verdict {
	verdict := Refused
	for i := range rs {
		switch r := &rs[i]; {
		case !r.fits(c):
		case r.Owner == nil:
			return Admitted
		default:
			verdict = IfOwner
		}
	}
	return verdict
}

// Owned says whether one of the rules lets c in with the request, which has
// the type that the rules were made for.
func (rs Rules) Owned(c Caller, request any) bool {
	for i := range rs {
		if r := &rs[i]; r.fits(c) && (r.Owner == nil || r.Owner(request) == c.Subject) {
			return true
		}
	}
	return false
}

// fits tells whether the caller fulfils everything that needs no request.
func (r *Rule) fits(c Caller) bool {
	switch {
	case r.Public:
		return true
	case r.Service != "":
		return r.Service == c.Service
	case r.Role == "" && r.Scope == "" && r.Owner == nil, c.Subject == "", c.Service != "":
		return false
	}
	return (r.Role == "" || c.Has(r.Role)) && (r.Scope == "" || c.holds(r.Scope))
}

// String says who is let in, for people: "a teacher, or a student whose own id
// is student_id". It holds names of the contract and no values.
func (rs Rules) String() string {
	who := make([]string, len(rs))
	for i := range rs {
		who[i] = rs[i].String()
	}
	switch len(who) {
	case 0:
		return "nobody"
	case 1:
		return who[0]
	}
	last := len(who) - 1
	return strings.Join(who[:last], ", ") + " or " + who[last]
}

// String says whom the rule lets in.
func (r Rule) String() string {
	switch {
	case r.Public:
		return "everybody"
	case r.Service != "":
		return "the context " + r.Service
	}
	text := "a person"
	if r.Role != "" {
		text = article(r.Role) + " " + r.Role
	}
	if r.Scope != "" {
		text += " with the scope " + r.Scope
	}
	if r.Own != "" {
		text += " whose own id is " + r.Own
	}
	return text
}

func article(noun string) string {
	if strings.ContainsRune("aeiou", rune(noun[0])) {
		return "an"
	}
	return "a"
}
