package platformtest

import (
	"fmt"

	"github.com/pulselearn/campus-hub/platform/saga"
)

// moving says which instances of sagas will move by themselves: not those that
// are at their end, wait for an event, or wait for a person.
func (h *Harness) moving() []error {
	h.T.Helper()
	var errs []error
	for _, d := range h.app.Definitions() {
		if d.Sagas == nil {
			continue
		}
		list, err := saga.List(h.T.Context(), h.dbs[d.Context], saga.Filter{Open: true})
		h.must("read the sagas of "+d.Context, err)
		for i := range list {
			in := &list[i]
			if (in.Status == saga.StatusRunning || in.Status == saga.StatusCompensating) && !in.Waiting {
				errs = append(errs, fmt.Errorf("%s %s is %s, at step %s; an engine looks at it again at %s", in.Saga, in.Key, in.Status, in.Step, in.Due))
			}
		}
	}
	return errs
}
