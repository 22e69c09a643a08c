package register_test

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/register"
)

func TestLocksSurviveTheirFile(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entry := rapid.Custom(func(t *rapid.T) register.Entry {
			return register.Entry{
				Subject:     rapid.StringMatching(`pl\.[a-z]{1,3}\.[a-z]{1,3}\.v[1-3]-value`).Draw(t, "subject"),
				ID:          rapid.IntRange(0, 1<<31-1).Draw(t, "id"),
				Version:     rapid.IntRange(1, 9).Draw(t, "version"),
				Fingerprint: rapid.Uint64().Draw(t, "fingerprint"),
			}
		})
		lock := register.Lock(nil).With(rapid.SliceOfDistinct(entry, func(e register.Entry) register.Entry { return e }).Draw(t, "entries"))
		again, err := register.ParseLock(lock.Bytes())
		if err != nil || !slices.Equal(lock, again) {
			t.Fatalf("%v\n%s\n%s", err, lock.Bytes(), again.Bytes())
		}
	})
}

func TestLockWith(t *testing.T) {
	old := register.Lock{{"a-value", 1, 1, 0xa1}, {"a-value", 2, 2, 0xa2}, {"b-value", 3, 1, 0xb1}, {"gone-value", 4, 1, 0xc1}}
	for name, test := range map[string]struct{ now, want register.Lock }{
		"nothing new": {register.Lock{{"a-value", 2, 2, 0xa2}, {"b-value", 3, 1, 0xb1}}, old},
		"a new version": {register.Lock{{"a-value", 9, 3, 0xa3}}, register.Lock{
			{"a-value", 1, 1, 0xa1}, {"a-value", 2, 2, 0xa2}, {"a-value", 9, 3, 0xa3}, {"b-value", 3, 1, 0xb1}, {"gone-value", 4, 1, 0xc1}}},
		"an old version that is current again": {register.Lock{{"a-value", 1, 1, 0xa1}}, old},
		"another registry": {register.Lock{{"a-value", 70, 1, 0xa2}, {"b-value", 3, 1, 0xb1}}, register.Lock{
			{"a-value", 70, 1, 0xa2}, {"b-value", 3, 1, 0xb1}, {"gone-value", 4, 1, 0xc1}}},
	} {
		if got := old.With(test.now); !slices.Equal(got, test.want) {
			t.Errorf("%s:\n%s\nwant\n%s", name, got.Bytes(), test.want.Bytes())
		}
	}
}

// TestMergedLock reads what git's union merge makes of two branches.
func TestMergedLock(t *testing.T) {
	lock, err := register.ParseLock([]byte("# a\nb-value 2 1 0b\na-value 1 1 0a\n# a\nb-value 2 1 0b\na-value 3 2 0c\n"))
	want := register.Lock{{"a-value", 1, 1, 0xa}, {"a-value", 3, 2, 0xc}, {"b-value", 2, 1, 0xb}}
	if err != nil || !slices.Equal(lock, want) {
		t.Errorf("%v\n%s", err, lock.Bytes())
	}
}

func TestMalformedLock(t *testing.T) {
	for _, text := range []string{"<<<<<<< HEAD\n", "a-value x 1 0f\n", "a-value 1 x 0f\n", "a-value 1 1 xx\n"} {
		if _, err := register.ParseLock([]byte("# comment\n" + text)); err == nil || !strings.HasPrefix(err.Error(), "line 2: ") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestLockPath(t *testing.T) {
	if path, err := register.LockPath("eu-staging-2"); err != nil || path != "contracts/registry/eu-staging-2.lock" {
		t.Error(path, err)
	}
	for _, env := range []string{"", "..", "a/b", "Prod", "-a"} {
		if path, err := register.LockPath(env); err == nil {
			t.Errorf("%q is taken for an environment: %s", env, path)
		}
	}
}
