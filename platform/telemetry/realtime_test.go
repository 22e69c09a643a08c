package telemetry_test

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/pulselearn/campus-hub/platform/telemetry"
)

func TestRealtimeMetrics(t *testing.T) {
	t.Parallel()
	tel, _ := newTelemetry(t)
	looks := 0
	presence := func() telemetry.Presence {
		looks++
		return telemetry.Presence{
			Channels: 1, Here: 2, Elsewhere: 3, Instances: 4, Written: 5, Read: 6, Unusable: 7, Failed: 8, Silence: 1500 * time.Millisecond,
		}
	}
	if err := tel.WatchPresence(presence); err != nil {
		t.Fatal(err)
	}
	if err := tel.WatchRealtime(func() telemetry.Realtime { return telemetry.Realtime{Sessions: 9, Resyncs: 10} }); err != nil {
		t.Fatal(err)
	}
	answer := httptest.NewRecorder()
	tel.MetricsHandler().ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
	for name, value := range map[string]string{
		"pl_realtime_presence_channels": "1", "pl_realtime_presence_here": "2", "pl_realtime_presence_elsewhere": "3",
		"pl_realtime_presence_instances": "4", "pl_realtime_presence_written_total": "5", "pl_realtime_presence_read_total": "6",
		"pl_realtime_presence_unusable_total": "7", "pl_realtime_presence_failures_total": "8", "pl_realtime_presence_silence_seconds": "1.5",
		"pl_realtime_sessions": "9", "pl_realtime_resyncs_total": "10",
	} {
		if !hasSample(answer.Body.String(), name, value) {
			t.Errorf("no sample %s with value %s in:\n%s", name, value, answer.Body)
		}
	}
	if looks != 1 {
		t.Errorf("%d looks for one answer", looks)
	}
}
