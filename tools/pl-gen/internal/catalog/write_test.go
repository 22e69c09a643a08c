package catalog

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func onDisk(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	fsys := os.DirFS(dir)
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(fsys, name)
		found[name] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func write(t *testing.T, dir string, files ...File) {
	t.Helper()
	if err := Write(dir, files); err != nil {
		t.Fatal(err)
	}
}

func TestWritePrunesItsOwn(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "site")
	write(t, dir, File{"events/a.html", []byte("a")}, File{"index.html", []byte("i")}, File{"old/b.html", []byte("b")})
	if err := os.WriteFile(filepath.Join(dir, "mine.txt"), []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	write(t, dir, File{"events/a.html", []byte("A")}, File{"index.html", []byte("i")})
	want := map[string]string{"events/a.html": "A", "index.html": "i", "mine.txt": "mine", ".catalog": "events/a.html\nindex.html\n"}
	if got := onDisk(t, dir); !reflect.DeepEqual(got, want) {
		t.Errorf("on disk: %v", got)
	}
	if _, err := os.Stat(filepath.Join(dir, "old")); !os.IsNotExist(err) {
		t.Errorf("the empty directory is left: %v", err)
	}
}

func TestWriteRefusesAForeignDirectory(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "index.html"), []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	err := Write(dir, []File{{"index.html", []byte("i")}})
	if err == nil || !strings.Contains(err.Error(), "empty directory") {
		t.Errorf("error %v", err)
	}
	if got := onDisk(t, dir); got["index.html"] != "mine" || len(got) != 1 {
		t.Errorf("on disk: %v", got)
	}
}

func TestWriteRemovesNothingOutside(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "site")
	write(t, dir, File{"index.html", nil})
	for name, text := range map[string]string{"precious": "x", "site/.catalog": "../precious\n/etc/hosts\nindex.html\n"} {
		if err := os.WriteFile(filepath.Join(parent, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(t, dir)
	if got := onDisk(t, parent); got["precious"] != "x" || len(got) != 2 {
		t.Errorf("on disk: %v", got)
	}
}

func TestHandler(t *testing.T) {
	site := []File{{"index.html", []byte("<!doctype html>home")}, {"schemas/a.avsc", []byte("{}")}, {"style.css", []byte("a{}")}}
	server := httptest.NewServer(Handler(func() ([]File, error) { return site, nil }))
	defer server.Close()
	for _, e := range []struct {
		method, path, kind string
		status             int
	}{
		{"GET", "/", "text/html", 200}, {"GET", "/index.html", "text/html", 200}, {"HEAD", "/style.css", "text/css", 200},
		{"GET", "/schemas/a.avsc", "application/json", 200}, {"GET", "/nothing", "text/plain", 404}, {"GET", "/../index.html", "", 404},
		{"POST", "/", "text/plain", 405},
	} {
		req, err := http.NewRequestWithContext(t.Context(), e.method, server.URL+e.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := server.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != e.status || !strings.HasPrefix(resp.Header.Get("Content-Type"), e.kind) {
			t.Errorf("%s %s: %d %s", e.method, e.path, resp.StatusCode, resp.Header.Get("Content-Type"))
		}
		if e.status == 200 && resp.Header.Get("Content-Security-Policy") == "" {
			t.Errorf("%s has no policy", e.path)
		}
	}
}

func TestHandlerShowsWhatIsWrong(t *testing.T) {
	w := httptest.NewRecorder()
	Handler(func() ([]File, error) { return nil, os.ErrPermission }).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if w.Code != 500 || !strings.Contains(w.Body.String(), "permission denied") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
