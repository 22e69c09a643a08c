package srclientregistry_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/riferrei/srclient"

	"github.com/pulselearn/campus-hub/platform/schema"
	"github.com/pulselearn/campus-hub/platform/schema/registrytest"
	"github.com/pulselearn/campus-hub/platform/schema/srclientregistry"
)

func connect(_ *testing.T, url string) schema.Registry {
	return srclientregistry.New(srclient.NewSchemaRegistryClient(url))
}

func TestConformance(t *testing.T) {
	registrytest.Run(t, connect)
}

// TestConformanceWithoutCache runs the suite as a service that switched off
// what srclient remembers.
func TestConformanceWithoutCache(t *testing.T) {
	registrytest.Run(t, func(_ *testing.T, url string) schema.Registry {
		client := srclient.NewSchemaRegistryClient(url)
		client.CachingEnabled(false)
		return srclientregistry.New(client)
	})
}

func TestGUID(t *testing.T) {
	_, err := connect(t, "http://127.0.0.1:0").Schema(t.Context(), schema.Frame{Format: schema.FormatGUID, GUID: schema.GUID{1}})
	if !errors.Is(err, schema.ErrIncompatible) {
		t.Errorf("got %v", err)
	}
}

func TestForeignSchemaTypes(t *testing.T) {
	for _, kind := range []string{"PROTOBUF", "JSON", "XML"} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"schema":"x","schemaType":"` + kind + `"}`))
		}))
		_, err := connect(t, server.URL).Schema(t.Context(), schema.Frame{Format: schema.FormatID, ID: 1})
		if !errors.Is(err, schema.ErrIncompatible) {
			t.Errorf("%s: got %v", kind, err)
		}
		server.Close()
	}
}
