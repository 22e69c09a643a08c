package schema_test

import (
	"testing"

	"github.com/pulselearn/campus-hub/platform/schema"
	"github.com/pulselearn/campus-hub/platform/schema/registrytest"
)

func TestClientConformance(t *testing.T) {
	registrytest.Run(t, func(t *testing.T, url string) schema.Registry {
		client, err := schema.NewClient(url)
		if err != nil {
			t.Fatal(err)
		}
		return client
	})
}
