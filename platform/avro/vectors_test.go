package avro_test

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"

	"github.com/pulselearn/campus-hub/platform/avro"
)

// loadCases reads the cases of a vector file.
func loadCases[T any](t *testing.T, path string) []T {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Count int
		Cases []T
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	if len(file.Cases) == 0 || len(file.Cases) != file.Count {
		t.Fatalf("%s: %d cases, but it announces %d", path, len(file.Cases), file.Count)
	}
	return file.Cases
}

func TestValidityVectors(t *testing.T) {
	type validity struct {
		ID     string
		Schema string
		Valid  bool `json:"valid_java_1_12_1"`
	}
	for _, c := range loadCases[validity](t, "testdata/schema_validity.json") {
		t.Run(c.ID, func(t *testing.T) {
			_, err := avro.Parse("s.avsc", []byte(c.Schema), nil)
			if (err == nil) != c.Valid {
				t.Errorf("valid in Java: %v; got %v", c.Valid, err)
			}
		})
	}
}

func TestCanonicalVectors(t *testing.T) {
	type canonical struct {
		ID, Input, Canonical string
		CRC                  int64  `json:"fingerprint64_signed"`
		MD5                  string `json:"md5_hex"`
		SHA256               string `json:"sha256_hex"`
	}
	for _, c := range loadCases[canonical](t, "testdata/canonical.json") {
		t.Run(c.ID, func(t *testing.T) {
			s, err := avro.Parse("s.avsc", []byte(c.Input), nil)
			if err != nil {
				t.Fatal(err)
			}
			md5, sha := avro.FingerprintMD5(s), avro.FingerprintSHA256(s)
			want(t, "canonical form", string(avro.Canonical(s)), c.Canonical)
			want(t, "CRC-64-AVRO", int64(avro.Fingerprint64(s)), c.CRC)
			want(t, "MD5", hex.EncodeToString(md5[:]), c.MD5)
			want(t, "SHA-256", hex.EncodeToString(sha[:]), c.SHA256)
		})
	}
}

func want[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}
