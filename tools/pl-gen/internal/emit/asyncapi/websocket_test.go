package asyncapi

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/pulselearn/campus-hub/platform/avro/avrojson"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model/modeltest"
)

// A hubDocument is the committed contracts' document, whose schemas can be
// compiled.
type hubDocument struct {
	document
	model    *model.Model
	compiler *jsonschema.Compiler
}

func loadHub(t *testing.T) *hubDocument {
	t.Helper()
	h := &hubDocument{model: modeltest.Load(t, os.DirFS(top)), compiler: jsonschema.NewCompiler()}
	text := emitAll(t, h.model)[0].Content
	if err := json.Unmarshal(text, &h.document); err != nil {
		t.Fatal(err)
	}
	h.compiler.DefaultDraft(jsonschema.Draft7)
	h.compiler.AssertFormat()
	if err := h.compiler.AddResource("mem:///hub.json", decode(t, text)); err != nil {
		t.Fatal(err)
	}
	return h
}

// fits checks a frame against the schema of a message.
func (h *hubDocument) fits(t *testing.T, name, frame string) error {
	t.Helper()
	s, err := h.compiler.Compile("mem:///hub.json#/components/messages/realtime." + name + "/payload/schema")
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(decode(t, []byte(frame)))
}

func TestTheWebsocketIsAChannel(t *testing.T) {
	h := loadHub(t)
	c := h.Channels[realtime]
	if c == nil || c.Address != "/realtime" || c.Bindings.WS == nil || c.Bindings.Kafka != nil || !slices.Equal(c.Servers, []ref{{"#/servers/hub"}}) {
		t.Fatalf("the channel is %+v", c)
	}
	heard := 0
	for _, e := range h.model.Events {
		if _, _, ok := e.Channel(); !ok {
			continue
		}
		heard++
		told := h.Operations["realtime.tell"].Messages
		if !slices.Contains(told, ref{"#/channels/realtime/messages/event." + e.Topic}) || c.Messages["event."+e.Topic].Ref == "" {
			t.Errorf("nobody is told of %s", e.Topic)
		}
	}
	if len(c.Messages) != heard+len(frames()) || heard < 10 {
		t.Errorf("%d messages, %d of them events", len(c.Messages), heard)
	}
	for name, other := range h.Channels {
		if name != realtime && !slices.Equal(other.Servers, []ref{{"#/servers/broker"}}) {
			t.Errorf("%s is at %v", name, other.Servers)
		}
	}
	if h.Servers["hub"].Protocol != "ws" || h.Servers["broker"].Protocol != "kafka" {
		t.Errorf("servers %v", h.Servers)
	}
}

var ellipsis = regexp.MustCompile(`\{…\}`)

// TestTheExamplesOfTheProtocolFit takes the frames of docs/realtime.md.
func TestTheExamplesOfTheProtocolFit(t *testing.T) {
	h := loadHub(t)
	text, err := os.ReadFile(top + "/docs/realtime.md")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		line = ellipsis.ReplaceAllString(strings.TrimSpace(line), "{}")
		if !strings.HasPrefix(line, `{"type":`) {
			continue
		}
		var kind struct{ Type, Event string }
		if err := json.Unmarshal([]byte(line), &kind); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		if kind.Event != "" {
			continue // the data is cut short
		}
		seen[kind.Type] = true
		if err := h.fits(t, kind.Type, line); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
	if len(seen) < 9 {
		t.Errorf("only frames of %d types were checked", len(seen))
	}
	for name, wrong := range map[string]string{
		"subscribe": `{"type":"subscribe"}`, "resync": `{"type":"resync","channel":"user:ada","reason":"tired","positions":{}}`,
		"subscribed": `{"type":"subscribed","channel":"user:ada","positions":{"a/1":"x"}}`,
	} {
		if h.fits(t, name, wrong) == nil {
			t.Errorf("%s is accepted", wrong)
		}
	}
}

// TestRecordedEventsFit prints what was published once as listeners are sent
// it, with and without personal data.
func TestRecordedEventsFit(t *testing.T) {
	h := loadHub(t)
	checked := 0
	for _, e := range h.model.Events {
		if _, _, ok := e.Channel(); !ok {
			continue
		}
		for _, datum := range recorded(t, e) {
			for _, personal := range []bool{true, false} {
				data, err := avrojson.NewPrinter(e.Schema).Append(nil, datum, personal)
				if err != nil {
					t.Fatalf("%s: %v", e.Topic, err)
				}
				frame := `{"type":"event","channel":"user:ada","event":"` + e.Topic + `","id":"1","partition":0,"offset":3,"data":` + string(data) + `}`
				if err := h.fits(t, "event."+e.Topic, frame); err != nil {
					t.Errorf("%s: %v", e.Topic, err)
				}
				if h.fits(t, "event."+e.Topic, strings.Replace(frame, `"occurredAt":"`, `"occurredAt":"x`, 1)) == nil {
					t.Errorf("%s: a time that is none is accepted", e.Topic)
				}
				checked++
			}
		}
	}
	if checked < 20 {
		t.Errorf("only %d frames were checked", checked)
	}
}

// recorded returns what the museum has of an event in its present schema.
func recorded(t *testing.T, e *model.Event) [][]byte {
	t.Helper()
	versions, err := filepath.Glob(top + "/contracts/museum/" + e.Topic + "/*.avsc")
	if err != nil {
		t.Fatal(err)
	}
	var data [][]byte
	for _, version := range versions {
		text, err := os.ReadFile(version)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(bytes.TrimSpace(text), e.Text) {
			continue
		}
		samples, err := os.ReadFile(strings.TrimSuffix(version, ".avsc") + ".hex")
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(samples)) {
			_, digits, _ := strings.Cut(strings.TrimSpace(line), " ")
			datum, err := hex.DecodeString(digits)
			if err != nil {
				t.Fatal(err)
			}
			data = append(data, datum)
		}
	}
	return data
}
