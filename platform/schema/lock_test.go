package schema

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pulselearn/campus-hub/platform/event"
)

// absent returns a client of a registry that nobody serves.
func absent(t *testing.T) *Client {
	t.Helper()
	client, err := NewClient("http://127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func writeLock(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "staging.lock")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func readLock(t *testing.T, text string) *Lock {
	t.Helper()
	lock, err := ReadLock(writeLock(t, text))
	if err != nil {
		t.Fatal(err)
	}
	return lock
}

func TestLockedStartAsksNoRegistry(t *testing.T) {
	badge := badgeType(badgeV1)
	lock := readLock(t, fmt.Sprintf("# ids\n\n%s 41 1 %016x\n%[1]s 42 2 %016[3]x\n", badge.RegistrySubject(), Fingerprint(badgeV2), badge.Fingerprint))
	ids := NewLockedIDs(lock, absent(t))
	if err := ids.Resolve(t.Context(), badge); err != nil {
		t.Fatal(err)
	}
	if id, ok := ids.ID(badge.Fingerprint); !ok || id != 42 {
		t.Errorf("id %d, %v", id, ok)
	}
	if id, err := ids.Find(t.Context(), badge.RegistrySubject(), badgeV2); err != nil || id != 41 {
		t.Errorf("the id of another version that the lock has: %d, %v", id, err)
	}
}

func TestLockedStartFails(t *testing.T) {
	badge := badgeType(badgeV1)
	other := &event.Type{Topic: "pl.x.y.v1", Schema: badgeV2, Fingerprint: Fingerprint(badgeV2)}
	lock := readLock(t, fmt.Sprintf("%s 7 3 00000000000000ff\n", badge.RegistrySubject()))
	err := NewLockedIDs(lock, absent(t)).Resolve(t.Context(), badge, other)
	if !errors.Is(err, ErrUnknownSchema) {
		t.Fatal(err)
	}
	for _, want := range []string{"staging.lock", "00000000000000ff in version 3", fmt.Sprintf("%016x", badge.Fingerprint), "does not have subject pl.x.y.v1-value", "pl-gen register"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q:\n%v", want, err)
		}
	}
}

func TestLockDoesNotHideTheRegistry(t *testing.T) {
	_, client := registry(t)
	badge := badgeType(badgeV1)
	if err := NewIDs(client, true).Resolve(t.Context(), badge); err != nil {
		t.Fatal(err)
	}
	ids := NewLockedIDs(readLock(t, ""), client)
	if _, err := ids.Find(t.Context(), badge.RegistrySubject(), badgeV1); err != nil {
		t.Errorf("a schema that the lock lacks and the registry has: %v", err)
	}
	if err := ids.Resolve(t.Context(), badgeType(badgeV2)); !errors.Is(err, ErrUnknownSchema) {
		t.Errorf("a schema that the lock lacks at the start: %v", err)
	}
}

func TestMalformedLocks(t *testing.T) {
	for name, text := range map[string]string{
		"has 1 words":               "<<<<<<<\n",
		"which is no number":        "a-value x 1 00000000000000ff\n",
		"which is no number from 1": "a-value 1 0 00000000000000ff\n",
		"16 hexadecimal digits":     "a-value 1 1 ff\n",
		"and an earlier line 1":     "a-value 1 1 00000000000000ff\na-value 2 1 00000000000000ff\n",
	} {
		_, err := ReadLock(writeLock(t, "# line one\n"+text))
		if err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "line ") {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := ReadLock(filepath.Join(t.TempDir(), "none.lock")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a lock that does not exist: %v", err)
	}
}
