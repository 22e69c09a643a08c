package service

import (
	"strings"
	"testing"

	"github.com/pulselearn/campus-hub/platform/bus"
)

func TestTooManyStuckHandlersEndTheProcess(t *testing.T) {
	failed := make(chan error, 1)
	guard := stuckGuard{failed}
	d := &bus.Delivery{Consumer: "quiz.OnCoursePublished"}
	for stuck := 1; stuck < maxStuck; stuck++ {
		guard.Abandoned(d, stuck)
	}
	if len(failed) != 0 {
		t.Fatalf("the process ends too early: %v", <-failed)
	}
	guard.Abandoned(d, maxStuck)
	guard.Abandoned(d, maxStuck+1)
	if err := <-failed; !strings.Contains(err.Error(), "5 event handlers") || !strings.Contains(err.Error(), d.Consumer) {
		t.Errorf("the process ends with %v", err)
	}
}
