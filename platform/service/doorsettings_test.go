package service_test

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/pulselearn/campus-hub/platform/service"
)

func TestDoorSettings(t *testing.T) {
	t.Parallel()
	c, err := service.LoadConfig(nil)
	if err != nil {
		t.Fatal(err)
	}
	if d := c.Door; d.MaxBytes != 4<<20 || d.Timeout != 30*time.Second || d.Rate != 100 || d.Burst != 200 || d.Origins != nil || d.Proxies != nil {
		t.Errorf("the defaults are %+v", d)
	}
	if l := c.GraphQL.Limits; l.Bytes != 128<<10 || l.Depth != 12 || l.Complexity != 5000 || l.Aliases != 30 || c.GraphQL.Introspection != service.Auto {
		t.Errorf("the defaults are %+v", c.GraphQL)
	}
	c, err = service.LoadConfig([]string{
		"PL_CORS_ORIGINS=https://a.example, http://localhost:5173", "PL_TRUSTED_PROXIES=10.1.2.3/8,::1",
		"PL_MAX_REQUEST_BYTES=2048", "PL_REQUEST_TIMEOUT=2s", "PL_RATE_LIMIT=0.5", "PL_RATE_BURST=3",
	})
	if err != nil {
		t.Fatal(err)
	}
	d := c.Door
	if !slices.Equal(d.Origins, []string{"https://a.example", "http://localhost:5173"}) ||
		!slices.Equal(d.Proxies, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}) ||
		d.MaxBytes != 2048 || d.Timeout != 2*time.Second || d.Rate != 0.5 || d.Burst != 3 {
		t.Errorf("got %+v", d)
	}
	for _, wrong := range []string{
		"PL_CORS_ORIGINS=a.example", "PL_CORS_ORIGINS=https://a.example/", "PL_TRUSTED_PROXIES=proxy", "PL_MAX_REQUEST_BYTES=4MiB",
		"PL_MAX_REQUEST_BYTES=1", "PL_REQUEST_TIMEOUT=0s", "PL_REQUEST_TIMEOUT=1h", "PL_RATE_LIMIT=-1", "PL_RATE_LIMIT=NaN", "PL_RATE_BURST=0", "PL_GRAPHQL_MAX_DEPTH=0", "PL_GRAPHQL_INTROSPECTION=perhaps",
	} {
		if _, err := service.LoadConfig([]string{wrong}); err == nil {
			t.Errorf("%s is accepted", wrong)
		}
	}
}
