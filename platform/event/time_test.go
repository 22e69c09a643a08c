package event

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Both the writer and the reader of timestamps have a path of their own for
// the form that the platform writes; package time is what they must agree with.
func TestOwnTimesAgreeWithPackageTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		digits := rapid.SampledFrom([]int64{1, 10, 100, 1000, 1e6, 1e8, 1e9}).Draw(t, "unit")
		at := time.Unix(rapid.Int64Range(year0, year10000-1).Draw(t, "seconds"),
			rapid.Int64Range(0, 999_999_999).Draw(t, "nanos")/digits*digits).In(time.FixedZone("", 3600))
		want := at.UTC().Format(time.RFC3339Nano)
		if got := string(AppendTime(nil, at)); got != want {
			t.Fatalf("AppendTime gives %q, want %q", got, want)
		}
		back, ok := parseOwnTime(want)
		if !ok || back != at.UTC() {
			t.Fatalf("parseOwnTime gives %v, %v; want %v", back, ok, at.UTC())
		}
	})
}

// What parseOwnTime takes, the strict parser takes too, and as the same time.
func TestOwnTimesAgreeWithTheParser(t *testing.T) {
	texts := rapid.OneOf(
		rapid.StringMatching(`[0-9]{4}-[0-3][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9](\.[0-9]{0,10})?Z`),
		rapid.StringMatching(`20[0-9]{2}-0[12]-(2[89]|3[01])T23:59:(59|60)Z`),
		rapid.StringMatching(`[0-9:;/-]{4}-[0-9:/]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}[.,]?[0-9]{0,3}[Zz]`),
	)
	rapid.Check(t, func(t *rapid.T) {
		text := texts.Draw(t, "text")
		own, ok := parseOwnTime(text)
		if !ok {
			return
		}
		p := timeParser{s: text}
		if strict := p.parse(); p.bad || p.s != "" || strict != own {
			t.Fatalf("%q: parseOwnTime gives %v, the parser %v (bad %v)", text, own, strict, p.bad)
		}
	})
}
