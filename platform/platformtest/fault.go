package platformtest

import (
	"errors"
	"sync"

	"github.com/pulselearn/campus-hub/platform/database"
)

// A Fault is what becomes of something that is made to go wrong.
type Fault string

// The faults. Of each the caller knows nothing but that it has no answer.
const (
	Refused Fault = "refused" // it is not done
	Lost    Fault = "lost"    // it is done, and the answer is lost
	Stuck   Fault = "stuck"   // it is not done, and there is no answer until the caller gives up
)

// Always is a number of times without an end.
const Always = -1

// errFault is what those get to see whom a fault hits.
var errFault = errors.New("the test has broken this")

// faults are those of one harness. Their methods are called by the test and by
// all goroutines of the process.
type faults struct {
	mu      sync.Mutex
	planned map[string]*plannedFault
	broker  cutter
	undo    []func() // what ends the faults that are not planned

	databases map[string]*database.DB // of the process, by context
}

// A plannedFault hits the next times.
type plannedFault struct {
	fault Fault
	times int
}

func (f *faults) plan(what string, fault Fault, times int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.planned == nil {
		f.planned = map[string]*plannedFault{}
	}
	f.planned[what] = &plannedFault{fault, times}
}

// hit returns what happens to the next of its kind, or "" for nothing.
func (f *faults) hit(what string) Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.planned[what]
	if p == nil || p.times == 0 {
		return ""
	}
	p.times--
	return p.fault
}

// Mend ends all faults: those that have hits left, a broker that is cut off,
// tables that take no rows, databases that are locked. Mending twice is
// harmless. The harness mends everything at the end of the test, so that the
// process can drain.
func (h *Harness) Mend() {
	h.T.Helper()
	f := &h.faults
	f.mu.Lock()
	f.planned = nil
	undo := f.undo
	f.undo = nil
	f.mu.Unlock()
	f.broker.mend()
	for _, end := range undo {
		end()
	}
}

// install lets the faults into the process. The harness's own connections have
// none.
func (f *faults) install(h *Harness) {
	h.engines.DialKafka = f.dialKafka(h)
	h.engines.OpenSQLite = f.openSQLite
	h.engines.Attempts = f.attempt
}
