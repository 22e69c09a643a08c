package identity_test

import (
	"testing"

	"github.com/pulselearn/campus-hub/platform/identity"
	"github.com/pulselearn/campus-hub/platform/identity/identitytest"
)

// BenchmarkVerify is what a call from elsewhere costs before it is let in.
func BenchmarkVerify(b *testing.B) {
	i := identitytest.New(b)
	v := verifierOf(i)
	person := sign(b, i, i.Claims("0198b5f0-5a3e-7c1a-9a53-3c8f8f0b2a11", identity.Student))
	s, err := identity.NewServices(secret)
	if err != nil {
		b.Fatal(err)
	}
	service, err := s.Token("enrollment", "course")
	if err != nil {
		b.Fatal(err)
	}
	b.Run("person", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := v.Verify(b.Context(), person); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("service", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.Verify(service, "course"); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkVerifyNew is what the first call with a token costs.
func BenchmarkVerifyNew(b *testing.B) {
	i := identitytest.New(b)
	v := verifierOf(i)
	var tokens []string
	for range 2000 { // which differ by their signatures, and are verified twice at most
		tokens = append(tokens, sign(b, i, i.Claims("0198b5f0-5a3e-7c1a-9a53-3c8f8f0b2a11", identity.Student)))
	}
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		if n%len(tokens) == 0 {
			v = verifierOf(i)
		}
		if _, err := v.Verify(b.Context(), tokens[n%len(tokens)]); err != nil {
			b.Fatal(err)
		}
		n++
	}
}
