package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// event is a schema of the size and variety of a real one.
const event = `{ "type": "record", "namespace": "pl.%[1]s.v1", "name": "Thing%[2]dHappened",
  "doc": "Something happened to a thing of kind %[2]d.",
  "pl": { "key": "thingId", "subject": "thingId", "partitions": 12, "retention": "30d",
          "allow": [{ "rule": "EVENT_ORPHAN", "reason": "the corpus has no services" }] },
  "fields": [
    { "name": "thingId", "type": { "type": "string", "logicalType": "uuid" }, "doc": "The thing." },
    { "name": "studentName", "type": ["null", "string"], "default": null, "doc": "Who did it.", "pl": { "pii": "name" } },
    { "name": "score", "type": "double", "doc": "How well it went, from 0 to 1." },
    { "name": "attempts", "type": "int", "default": 0, "doc": "How often it was tried." },
    { "name": "kind", "type": { "type": "enum", "name": "Thing%[2]dKind", "doc": "What things there are.",
      "symbols": ["UNKNOWN", "SMALL", "LARGE"], "default": "UNKNOWN" }, "doc": "What thing it is." },
    { "name": "labels", "type": { "type": "map", "values": "string" }, "default": {}, "doc": "Free labels." },
    { "name": "parts", "type": { "type": "array", "items": { "type": "record", "name": "Thing%[2]dPart", "doc": "A part.",
      "fields": [
        { "name": "partId", "type": "string", "doc": "The part." },
        { "name": "weight", "type": ["null", "long"], "default": null, "doc": "Its weight in grams." } ] } },
      "default": [], "doc": "What it consists of." },
    { "name": "price", "type": ["null", { "type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2 }],
      "default": null, "doc": "What it costs." },
    { "name": "dueOn", "type": ["null", { "type": "int", "logicalType": "date" }], "default": null, "doc": "Until when." },
    { "name": "occurredAt", "type": { "type": "long", "logicalType": "timestamp-micros" }, "doc": "When it happened." }
  ] }
`

func contextName(c int) string { return fmt.Sprintf("context%03d", c) }

func path(c, e int) string {
	return filepath.Join("contracts", "avro", contextName(c), "v1", fmt.Sprintf("thing%d_happened.avsc", e))
}

// writeCorpus writes a repository with nothing but events.
func writeCorpus(root string, events, contexts int) error {
	if err := write(filepath.Join(root, "go.mod"), "module example.com/corpus\n\ngo 1.26\n"); err != nil {
		return err
	}
	for i := range events {
		c, e := i%contexts, i/contexts
		if err := write(filepath.Join(root, path(c, e)), fmt.Sprintf(event, contextName(c), e)); err != nil {
			return err
		}
	}
	return nil
}

func write(name, text string) error {
	return errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), 0o644))
}

// replace changes the first occurrence of a text in a file.
func replace(name, old, new string) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	changed := bytes.Replace(text, []byte(old), []byte(new), 1)
	if bytes.Equal(changed, text) {
		return fmt.Errorf("%s does not hold %q", name, old)
	}
	return os.WriteFile(name, changed, 0o644)
}

// clone copies a file or directory; one that does not exist is left out.
func clone(from, to string) error {
	info, err := os.Stat(from)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.IsDir():
		return os.CopyFS(to, os.DirFS(from))
	}
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return write(to, string(text))
}
