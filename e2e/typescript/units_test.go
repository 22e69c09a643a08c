package typescript

import (
	"testing"

	"github.com/pulselearn/campus-hub/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func TestRecentNode(t *testing.T) {
	for version, want := range map[string]bool{
		"v20.19.0\n": true, "v20.20.2\n": true, "v22.1.0\n": true, "v100.0.0\n": true,
		"v20.18.3\n": false, "v18.19.0\n": false, "v9.99.0\n": false, "": false, "20.19.0": false, "v20": false,
	} {
		if got := recent(version); got != want {
			t.Errorf("%q: got %t", version, got)
		}
	}
}

// TestUnits runs the tests of platform/ts with Node's own runner; each is a
// test here too, so that it is counted.
func TestUnits(t *testing.T) {
	t.Parallel()
	Build(t)
	RunTests(t, 100, nil, "platform/ts/dist-test/test/*.test.js")
}

// TestClients runs the tests of gen/sdk/ts that need no hub.
func TestClients(t *testing.T) {
	t.Parallel()
	Build(t)
	RunTests(t, 55, nil, "e2e/typescript/sdk/dist/realtime.test.js", "e2e/typescript/sdk/dist/oidc.test.js", "e2e/typescript/sdk/dist/trace.test.js")
}
