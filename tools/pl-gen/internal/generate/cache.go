package generate

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/disk"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/output"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/stamp"
)

// A cache saves time and nothing else: without it the contracts are read and
// everything but buf's files is emitted again. It is local to a working copy.
type cache struct{ dir string }

func (c cache) stamps() string { return filepath.Join(c.dir, "stamps") }

func (c cache) save(s *stamp.Store) error { return s.Save(c.stamps()) }

// A cleanRecord says that a run with this digest has nothing to write.
type cleanRecord struct {
	Digest   stamp.Sum
	Findings []diag.Diagnostic
}

// clean returns the findings of the last run if it left nothing to do and had
// the same digest.
func (c cache) clean(digest stamp.Sum) ([]diag.Diagnostic, bool) {
	var record cleanRecord
	if c.load("clean", &record) != nil || record.Digest != digest {
		return nil, false
	}
	return record.Findings, true
}

func (c cache) keepClean(digest stamp.Sum, findings []diag.Diagnostic) error {
	return c.store("clean", cleanRecord{digest, findings})
}

// A unitRecord is what a unit's inputs led to.
type unitRecord struct {
	Inputs stamp.Sum
	Files  []output.Entry
}

type unitsRecord struct {
	Self  stamp.Sum
	Units map[string]unitRecord
}

// units returns what the same pl-gen emitted before, by unit.
func (c cache) units(self stamp.Sum) map[string]unitRecord {
	var record unitsRecord
	if c.load("units", &record) != nil || record.Self != self || record.Units == nil {
		return map[string]unitRecord{}
	}
	return record.Units
}

func (c cache) keepUnits(self stamp.Sum, units map[string]unitRecord) error {
	return c.store("units", unitsRecord{self, units})
}

func (c cache) load(name string, v any) error {
	text, err := os.ReadFile(filepath.Join(c.dir, name))
	return errors.Join(err, json.Unmarshal(text, v))
}

func (c cache) store(name string, v any) error {
	text, err := json.Marshal(v)
	if err == nil {
		err = disk.Write(filepath.Join(c.dir, name), text)
	}
	if err != nil {
		return fmt.Errorf("keep what was generated: %w", err)
	}
	return nil
}
