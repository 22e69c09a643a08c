package stamp

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/disk"
)

// age makes a file so old that its stamp can be trusted.
func age(t *testing.T, name string) {
	t.Helper()
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(name, old, old); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := disk.Write(name, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

func sum(t *testing.T, s *Store, path string) Sum {
	t.Helper()
	got, err := s.Sum(path)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestOldFilesAreReadOnce(t *testing.T) {
	root := t.TempDir()
	file, kept := filepath.Join(root, "a"), filepath.Join(root, "cache", "stamps")
	write(t, file, "one")
	age(t, file)
	s := Open(root, kept)
	if sum(t, s, "a") != Of([]byte("one")) || s.Hashed() != 1 {
		t.Fatalf("the first look hashed %d files, want 1", s.Hashed())
	}
	if err := s.Save(kept); err != nil {
		t.Fatal(err)
	}
	s = Open(root, kept)
	if sum(t, s, "a") != Of([]byte("one")) || s.Hashed() != 0 {
		t.Errorf("a known file was hashed again")
	}
}

func TestChangesAreSeen(t *testing.T) {
	root := t.TempDir()
	file, kept := filepath.Join(root, "a"), filepath.Join(root, "stamps")
	for name, change := range map[string]func(){
		"size":             func() { write(t, file, "longer"); age(t, file) },
		"same size":        func() { write(t, file, "two"); age(t, file) },
		"in place":         func() { overwrite(t, file, "two"); age(t, file) },
		"at the same time": func() { overwrite(t, file, "two") },
	} {
		t.Run(name, func(t *testing.T) {
			write(t, file, "one")
			age(t, file)
			s := Open(root, kept)
			sum(t, s, "a")
			if err := s.Save(kept); err != nil {
				t.Fatal(err)
			}
			change()
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if sum(t, Open(root, kept), "a") != Of(want) {
				t.Error("the change was not seen")
			}
		})
	}
}

func overwrite(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestFreshFilesAreNotTrusted(t *testing.T) {
	root := t.TempDir()
	kept := filepath.Join(root, "stamps")
	write(t, filepath.Join(root, "a"), "one")
	s := Open(root, kept)
	sum(t, s, "a")
	if err := s.Save(kept); err != nil {
		t.Fatal(err)
	}
	s = Open(root, kept)
	sum(t, s, "a")
	if s.Hashed() != 1 {
		t.Error("a file that was written in the tick of its stamp was trusted")
	}
}

func TestMissingFile(t *testing.T) {
	s := Open(t.TempDir(), "none")
	if _, err := s.Sum("a"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want fs.ErrNotExist", err)
	}
	if same, err := s.Is("a", Sum{}); same || err != nil {
		t.Errorf("a missing file: %v, %v", same, err)
	}
}

func TestDamagedStoreIsEmpty(t *testing.T) {
	root := t.TempDir()
	file, kept := filepath.Join(root, "a"), filepath.Join(root, "stamps")
	write(t, file, "one")
	age(t, file)
	s := Open(root, kept)
	sum(t, s, "a")
	whole := string(s.format())
	for _, text := range []string{"", "x", header, header + "zz 1 2 3 4 a\n", whole[:len(whole)-9], "other" + whole} {
		write(t, kept, text)
		if got := sum(t, Open(root, kept), "a"); got != Of([]byte("one")) {
			t.Errorf("with the store %q the sum is wrong", text)
		}
	}
}

func TestSumText(t *testing.T) {
	want := Of([]byte("x"))
	text, err := want.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	var got Sum
	if err := got.UnmarshalText(text); err != nil || got != want {
		t.Errorf("got %x, %v", got, err)
	}
	if got.UnmarshalText(text[1:]) == nil {
		t.Error("a short sum was accepted")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("00 1 2 3 4 a\n"))
	f.Fuzz(func(_ *testing.T, text []byte) { parse(text) })
}
