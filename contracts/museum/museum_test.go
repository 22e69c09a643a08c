// Package museum replays the schema museum: bytes that were written with every
// published version of every event, through the code that consumes the event
// today. See docs/decisions/0008-the-schema-museum.md.
package museum

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pulselearn/campus-hub/gen/event/messages"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/schema"
)

// A shelf is one version of one event, as the files have it.
type shelf struct {
	topic, name string
	text        string
	samples     []sample
}

type sample struct {
	name string
	data []byte
}

func shelves(t *testing.T) []shelf {
	t.Helper()
	files, err := filepath.Glob("*/*.avsc")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < len(messages.Topics()) {
		t.Fatalf("the museum has %d versions of %d events; run \"pl-gen museum add\"", len(files), len(messages.Topics()))
	}
	list := make([]shelf, 0, len(files))
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(file, ".avsc")
		list = append(list, shelf{filepath.Dir(file), name, strings.TrimSpace(string(text)), samples(t, name+".hex")})
	}
	return list
}

func samples(t *testing.T, file string) []sample {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var list []sample
	for line := range strings.Lines(string(text)) {
		name, digits, _ := strings.Cut(strings.TrimSpace(line), " ")
		data, err := hex.DecodeString(digits)
		if err != nil {
			t.Fatalf("%s: sample %s: %v", file, name, err)
		}
		list = append(list, sample{name, data})
	}
	if len(list) == 0 {
		t.Fatalf("%s has no samples", file)
	}
	return list
}

// An archive is the museum as a registry: the ids are the shelves' indexes.
type archive []shelf

// Schema implements [schema.Registry].
func (a archive) Schema(_ context.Context, f schema.Frame) (schema.Document, error) {
	if f.ID < 0 || f.ID >= len(a) {
		return schema.Document{}, schema.ErrUnknownSchema
	}
	return schema.Document{Text: a[f.ID].text}, nil
}

// Lookup implements [schema.Registry].
func (archive) Lookup(context.Context, string, string) (int, error) {
	return 0, schema.ErrUnknownSchema
}

// Register implements [schema.Registry].
func (archive) Register(context.Context, string, string) (int, error) {
	return 0, schema.ErrIncompatible
}

// SetCompatibility implements [schema.Registry].
func (archive) SetCompatibility(context.Context, string, string) error { return nil }

// replay decodes every sample of a shelf into messages that the function
// makes, and returns what cannot be read.
func replay(ctx context.Context, d *schema.Decoder, id int, s shelf, message func() event.Message) []error {
	var errs []error
	for _, sample := range s.samples {
		m := message()
		if err := d.Decode(ctx, nil, append(schema.AppendFrame(nil, id), sample.data...), m); err != nil {
			errs = append(errs, fmt.Errorf("sample %s: %w", sample.name, err))
			continue
		}
		if err := roundTrip(m, message()); err != nil {
			errs = append(errs, fmt.Errorf("sample %s was read, and cannot be published again: %w", sample.name, err))
		}
	}
	return errs
}

func roundTrip(m, again event.Message) error {
	first, err := m.AppendBinary(nil)
	if err != nil {
		return err
	}
	if err := again.UnmarshalBinary(first); err != nil {
		return err
	}
	second, err := again.AppendBinary(nil)
	if err == nil && !bytes.Equal(first, second) {
		err = fmt.Errorf("its bytes change from %x to %x", first, second)
	}
	return err
}

func TestTodaysConsumersReadEveryPublishedVersion(t *testing.T) {
	all := shelves(t)
	decoder := schema.NewDecoder(archive(all))
	replayed := 0
	for id, s := range all {
		if messages.New(s.topic) == nil {
			t.Errorf("%s: no contract has the topic any more; delete its directory once no record of it is left anywhere", s.topic)
			continue
		}
		for _, err := range replay(t.Context(), decoder, id, s, func() event.Message { return messages.New(s.topic) }) {
			t.Errorf("%s: records of this version can no longer be read: %v", s.name, err)
		}
		replayed += len(s.samples)
	}
	t.Logf("%d samples of %d versions were replayed", replayed, len(all))
}

func TestTheMuseumHasTodaysVersions(t *testing.T) {
	kept := map[string]bool{}
	for _, s := range shelves(t) {
		kept[s.topic+"\n"+s.text] = true
	}
	for _, topic := range messages.Topics() {
		if !kept[topic+"\n"+messages.New(topic).EventType().Schema] {
			t.Errorf("%s: today's version is not in the museum; run \"pl-gen museum add\"", topic)
		}
	}
}

// A stricter is a message whose schema demands a field that nobody wrote.
type stricter struct {
	event.Message
	description event.Type
}

// EventType returns the description with the changed schema.
func (m *stricter) EventType() *event.Type { return &m.description }

func TestReplayFailsForAnIncompatibleChange(t *testing.T) {
	all := shelves(t)
	s := all[0]
	incompatible := func() event.Message {
		m := &stricter{Message: messages.New(s.topic)}
		m.description = *m.Message.EventType()
		m.description.Schema = strings.Replace(m.description.Schema, `"fields":[`, `"fields":[{"name":"demanded","type":"string"},`, 1)
		m.description.Fingerprint = schema.Fingerprint(m.description.Schema)
		return m
	}
	if errs := replay(t.Context(), schema.NewDecoder(archive(all)), 0, s, incompatible); len(errs) != len(s.samples) {
		t.Errorf("%d of %d samples fail for a reader with a new required field", len(errs), len(s.samples))
	}
}
