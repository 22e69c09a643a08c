package schema

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"github.com/pulselearn/campus-hub/platform/event"
)

// badge is a message that keeps the bytes it was given, so that tests see what
// reaches a generated codec.
type badge struct {
	typ  *event.Type
	data []byte
}

var errCodec = errors.New("codec refuses")

func (m *badge) EventType() *event.Type                { return m.typ }
func (m *badge) EventKey() string                      { return "" }
func (m *badge) EventSubject() string                  { return "" }
func (m *badge) AppendBinary(b []byte) ([]byte, error) { return append(b, m.data...), nil }
func (m *badge) UnmarshalBinary(data []byte) error {
	if len(data) == 0 {
		return errCodec
	}
	m.data = slices.Clone(data)
	return nil
}

const (
	badgeV1 = `{"type":"record","name":"Badge","fields":[{"name":"n","type":"int"}]}`
	badgeV2 = `{"type":"record","name":"Badge","fields":[{"name":"s","type":"string","default":"x"},{"name":"n","type":"long"}]}`
)

func badgeType(schema string) *event.Type {
	return &event.Type{Topic: "pl.achievement.badge.v1", Schema: schema, Fingerprint: Fingerprint(schema), Compatibility: "FULL_TRANSITIVE"}
}

// registry starts a registry that speaks Confluent's REST API.
func registry(t *testing.T) (*srfake.Registry, *Client) {
	t.Helper()
	fake := srfake.New()
	t.Cleanup(fake.Close)
	client, err := NewClient(fake.URL())
	if err != nil {
		t.Fatal(err)
	}
	return fake, client
}

func TestDecodeResolvesTheWritersSchema(t *testing.T) {
	_, client := registry(t)
	ids := NewIDs(client, true)
	if err := ids.Resolve(t.Context(), badgeType(badgeV1), badgeType(badgeV2)); err != nil {
		t.Fatal(err)
	}
	d := NewDecoder(client)
	id, _ := ids.ID(Fingerprint(badgeV1))
	for reader, want := range map[string]string{badgeV1: "\x08", badgeV2: "\x02x\x08"} {
		m := &badge{typ: badgeType(reader)}
		if err := d.Decode(t.Context(), nil, append(AppendFrame(nil, id), 8), m); err != nil || string(m.data) != want {
			t.Errorf("%q, %v; want %q", m.data, err, want)
		}
	}
}

func TestDecodeTakesEqualMeaningForEqual(t *testing.T) {
	fake, client := registry(t)
	fake.SeedSchema("s", 1, 5, sr.Schema{Schema: `{ "name" : "Badge", "type" : "record", "doc" : "d", "fields" : [ {"type" : "int", "name" : "n", "default" : 3} ] }`})
	m := &badge{typ: badgeType(badgeV1)}
	// The bytes are no datum of the schema: they must reach the codec as they are.
	if err := NewDecoder(client).Decode(t.Context(), nil, append(AppendFrame(nil, 5), "raw"...), m); err != nil || string(m.data) != "raw" {
		t.Errorf("%q, %v", m.data, err)
	}
}

func TestDecodeFollowsReferences(t *testing.T) {
	fake, client := registry(t)
	fake.SeedSchema("inner", 1, 1, sr.Schema{Schema: `{"type":"record","name":"Inner","fields":[{"name":"i","type":"int"}]}`})
	fake.SeedSchema("outer", 1, 2, sr.Schema{
		Schema:     `{"type":"record","name":"Outer","fields":[{"name":"in","type":"Inner"}]}`,
		References: []sr.SchemaReference{{Name: "Inner", Subject: "inner", Version: 1}},
	})
	reader := `{"type":"record","name":"Outer","fields":[{"name":"in","type":{"type":"record","name":"Inner","fields":[{"name":"i","type":"float"}]}}]}`
	m := &badge{typ: badgeType(reader)}
	err := NewDecoder(client).Decode(t.Context(), nil, append(AppendFrame(nil, 2), 4), m)
	if err != nil || string(m.data) != "\x00\x00\x00\x40" {
		t.Errorf("%x, %v", m.data, err)
	}
}

func TestDecodeByGUIDInHeader(t *testing.T) {
	registry := &memory{documents: map[string]string{"guid 01234567-89ab-cdef-0123-456789abcdef": badgeV1}}
	headers := []event.Header{{Key: headerGUID, Value: unhex(t, "010123456789abcdef0123456789abcdef")}}
	m := &badge{typ: badgeType(badgeV2)}
	if err := NewDecoder(registry).Decode(t.Context(), headers, []byte{8}, m); err != nil || string(m.data) != "\x02x\x08" {
		t.Errorf("%q, %v", m.data, err)
	}
}

// memory is a Registry that counts its calls and can be down.
type memory struct {
	documents map[string]string
	down      atomic.Bool
	calls     atomic.Int32
	Registry
}

func (m *memory) Schema(_ context.Context, frame Frame) (Document, error) {
	m.calls.Add(1)
	text, ok := m.documents[frame.String()]
	switch {
	case m.down.Load():
		return Document{}, ErrUnavailable
	case !ok:
		return Document{}, ErrUnknownSchema
	}
	return Document{Text: text}, nil
}

func TestDecodeErrorsSayWhetherToWait(t *testing.T) {
	registry := &memory{documents: map[string]string{"id 1": badgeV1, "id 2": `"string"`, "id 3": `{"type":"nonsense"}`}}
	d := NewDecoder(registry)
	cases := []struct {
		name  string
		value []byte
		want  error
	}{
		{"tombstone", nil, ErrMalformed},
		{"bad magic", []byte("{}"), ErrMalformed},
		{"unknown id", AppendFrame(nil, 99), ErrUnknownSchema},
		{"another kind of schema", append(AppendFrame(nil, 2), 0), ErrIncompatible},
		{"text that is no schema", append(AppendFrame(nil, 3), 0), ErrIncompatible},
		{"truncated", AppendFrame(nil, 1), ErrMalformed},
	}
	for _, c := range cases {
		err := d.Decode(t.Context(), nil, c.value, &badge{typ: badgeType(badgeV2)})
		if !errors.Is(err, c.want) || errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "pl.achievement.badge.v1") {
			t.Errorf("%s: error %v, want %v", c.name, err, c.want)
		}
	}
	if err := d.Decode(t.Context(), nil, AppendFrame(nil, 1), &badge{typ: badgeType(badgeV1)}); !errors.Is(err, ErrMalformed) || !errors.Is(err, errCodec) {
		t.Errorf("error %v, want the codec's within ErrMalformed", err)
	}
}

func TestDecodeKeepsNoFailure(t *testing.T) {
	registry := &memory{documents: map[string]string{"id 1": badgeV1}}
	d, m, value := NewDecoder(registry), &badge{typ: badgeType(badgeV2)}, append(AppendFrame(nil, 1), 8)
	registry.down.Store(true)
	if err := d.Decode(t.Context(), nil, value, m); !errors.Is(err, ErrUnavailable) {
		t.Fatalf("error %v, want ErrUnavailable", err)
	}
	registry.down.Store(false)
	for range 3 {
		if err := d.Decode(t.Context(), nil, value, m); err != nil {
			t.Fatal(err)
		}
	}
	if n := registry.calls.Load(); n != 2 {
		t.Errorf("%d calls, want one that failed and one that was kept", n)
	}
	registry.down.Store(true)
	if err := d.Decode(t.Context(), nil, value, m); err != nil {
		t.Errorf("a schema that is known must not need the registry: %v", err)
	}
}

func TestDecodeConcurrently(t *testing.T) {
	registry := &memory{documents: map[string]string{"id 1": badgeV1, "id 2": badgeV2}}
	d := NewDecoder(registry)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			m := &badge{typ: badgeType(badgeV2)}
			value := append(AppendFrame(nil, 1+i%2), "\x02x\x08"[2*(1-i%2):]...)
			if err := d.Decode(t.Context(), nil, value, m); err != nil || string(m.data) != "\x02x\x08" {
				t.Errorf("%q, %v", m.data, err)
			}
		})
	}
	wg.Wait()
}

func TestDecodeGivesUpWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	registry := &memory{}
	err := NewDecoder(blocked{registry, t.Context()}).Decode(ctx, nil, AppendFrame(nil, 1), &badge{typ: badgeType(badgeV1)})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
}

// blocked never answers until the test ends.
type blocked struct {
	Registry
	until context.Context
}

func (b blocked) Schema(context.Context, Frame) (Document, error) {
	<-b.until.Done()
	return Document{}, ErrUnavailable
}

func TestIDsInProductionOnlyLookUp(t *testing.T) {
	fake, client := registry(t)
	err := NewIDs(client, false).Resolve(t.Context(), badgeType(badgeV1), &event.Type{Topic: "pl.x.y.v1", Schema: badgeV2, Fingerprint: Fingerprint(badgeV2)})
	if !errors.Is(err, ErrUnknownSchema) {
		t.Fatalf("error %v, want ErrUnknownSchema", err)
	}
	for _, want := range []string{"pl.achievement.badge.v1-value", "pl.x.y.v1-value", "pl-gen register"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not say %s", err, want)
		}
	}
	if fake.SubjectExists("pl.achievement.badge.v1-value") {
		t.Error("a schema was registered")
	}
}

func TestIDsRegister(t *testing.T) {
	fake, client := registry(t)
	ids := NewIDs(client, true)
	if err := ids.Resolve(t.Context(), badgeType(badgeV1)); err != nil {
		t.Fatal(err)
	}
	id, ok := ids.ID(Fingerprint(badgeV1))
	stored, found := fake.GetSchema("pl.achievement.badge.v1-value", 1)
	if !ok || !found || id != stored.ID || stored.Schema.Schema != badgeV1 {
		t.Errorf("id %d %t, registry has %+v", id, ok, stored)
	}
	if level := client.api.Compatibility(t.Context(), "pl.achievement.badge.v1-value"); level[0].Level != sr.CompatFullTransitive {
		t.Errorf("compatibility level %v", level[0])
	}
	again, err := NewIDs(client, false).Find(t.Context(), "pl.achievement.badge.v1-value", badgeV1)
	if err != nil || again != id {
		t.Errorf("another process finds %d, %v; want %d", again, err, id)
	}
}

func TestIDsTolerateAnUnsupportedLevel(t *testing.T) {
	fake, client := registry(t)
	fake.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPut {
			return false
		}
		http.Error(w, `{"error_code":42203,"message":"unsupported"}`, http.StatusUnprocessableEntity)
		return true
	})
	if err := NewIDs(client, true).Resolve(t.Context(), badgeType(badgeV1)); err != nil {
		t.Error(err)
	}
}

// A registry that goes away between the level and the schema must not keep the
// schema under a level that nobody chose.
func TestIDsDoNotRegisterWithoutTheLevel(t *testing.T) {
	fake, client := registry(t)
	var away atomic.Bool
	away.Store(true)
	fake.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut && away.Load() {
			http.Error(w, "bad gateway", http.StatusBadGateway)
			return true
		}
		return false
	})
	ids := NewIDs(client, true)
	if err := ids.Resolve(t.Context(), badgeType(badgeV1)); !errors.Is(err, ErrUnavailable) {
		t.Errorf("error %v, want ErrUnavailable", err)
	}
	if stored, found := fake.GetSchema("pl.achievement.badge.v1-value", 1); found {
		t.Errorf("registered %+v", stored)
	}
	away.Store(false)
	if err := ids.Resolve(t.Context(), badgeType(badgeV1)); err != nil {
		t.Error(err)
	}
}

func TestIDsRefuseAFingerprintThatLies(t *testing.T) {
	typ := badgeType(badgeV1)
	typ.Fingerprint++
	if err := NewIDs(&memory{}, true).Resolve(t.Context(), typ); !errors.Is(err, ErrIncompatible) {
		t.Errorf("error %v, want ErrIncompatible", err)
	}
}

func TestClientTellsDownFromUnknown(t *testing.T) {
	fake, client := registry(t)
	answers := []struct {
		status int
		body   string
		want   error
	}{
		{404, `{"error_code":40403,"message":"Schema not found"}`, ErrUnknownSchema},
		{404, `<html>no such page</html>`, ErrUnavailable},
		{401, `{"error_code":401,"message":"Unauthorized"}`, ErrUnavailable},
		{500, `{"error_code":50001,"message":"store"}`, ErrUnavailable},
		{503, ``, ErrUnavailable},
		{200, `not JSON`, ErrUnavailable},
		{200, `{"schema":"syntax = \"proto3\";","schemaType":"PROTOBUF"}`, ErrIncompatible},
	}
	for _, a := range answers {
		fake.ClearInterceptors()
		fake.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
			w.WriteHeader(a.status)
			_, _ = w.Write([]byte(a.body))
			return true
		})
		if _, err := client.Schema(t.Context(), Frame{ID: 1}); !errors.Is(err, a.want) {
			t.Errorf("%d %s: error %v, want %v", a.status, a.body, err, a.want)
		}
	}
	fake.Close()
	if _, err := client.Lookup(t.Context(), "s", badgeV1); !errors.Is(err, ErrUnavailable) {
		t.Errorf("closed: error %v, want ErrUnavailable", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := client.Lookup(ctx, "s", badgeV1); !errors.Is(err, context.Canceled) || errors.Is(err, ErrUnavailable) {
		t.Errorf("canceled: error %v", err)
	}
}

func BenchmarkDecode(b *testing.B) {
	d := NewDecoder(&memory{documents: map[string]string{"id 1": badgeV1}})
	for name, reader := range map[string]string{"direct": badgeV1, "resolved": badgeV2} {
		b.Run(name, func(b *testing.B) {
			m, value := &badge{typ: badgeType(reader)}, append(AppendFrame(nil, 1), 8)
			b.ReportAllocs()
			for b.Loop() {
				if err := d.Decode(b.Context(), nil, value, m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
