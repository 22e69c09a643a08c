package model_test

import (
	"os"
	"testing"
	"testing/fstest"
	"time"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model/modeltest"
)

const lending = `syntax = "proto3";
package pl.library.v1;
import "pl/options/v1/options.proto";
option go_package = "example.com/school/gen/proto/pl/library/v1;libraryv1";
// LibraryService lends books.
service LibraryService {
  option (pl.options.v1.context) = {owner: "squad-library" publishes: "pl.library.book_borrowed.v1"};
  // Borrow lends a book.
  rpc Borrow(BorrowRequest) returns (BorrowResponse) { option (pl.options.v1.access) = {allow: {public: true}}; }
  // Return takes it back.
  rpc Return(BorrowRequest) returns (BorrowResponse) { option (pl.options.v1.access) = {allow: {public: true}}; }
}
// BorrowRequest is empty.
message BorrowRequest {}
// BorrowResponse is empty.
message BorrowResponse {}
`

const reminding = `syntax = "proto3";
package pl.reminder.v1;
import "pl/options/v1/options.proto";
option go_package = "example.com/school/gen/proto/pl/reminder/v1;reminderv1";
// ReminderService reminds.
service ReminderService {
  option (pl.options.v1.context) = {
    owner: "squad-reminder"
    publishes: "pl.reminder.reminded.v1"
    consumes: {
      topic: "pl.library.book_borrowed.v1"
      retry: {attempts: 7 first_delay: "2s" max_delay: "1m"}
      on_dead: ON_DEAD_SKIP
      effect: EFFECT_EXTERNAL
      key_limit: 5
      hold_limit: 50
    }
    calls: "library"
    policies: {call: "library" timeout: "3s" breaker: {failures: 2 window: 4 open: "9s"} max_concurrent: 8}
    policies: {call: "library.Borrow" retry: {attempts: 1} fallback: true}
    sagas: {
      name: "Remind"
      start: "pl.library.book_borrowed.v1"
      key: "loanId"
      deadline: "48h"
      state: "State"
      compensate: "library.Return"
      steps: {name: "lend_again" call: "library.Borrow" timeout: "1h" retry: {attempts: 3} compensate: "library.Return"}
      steps: {name: "tell" publish: "pl.reminder.reminded.v1" on_failure: ON_FAILURE_CONTINUE}
      steps: {name: "see" await: "pl.reminder.reminded.v1" key: "loanId"}
    }
  };
}
// State is what the steps know.
message State {}
`

func reminder(t *testing.T) *model.Context {
	t.Helper()
	const options = "contracts/proto/pl/options/v1/options.proto"
	text, err := os.ReadFile("../../../../" + options)
	if err != nil {
		t.Fatal(err)
	}
	event := func(context, name string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte(`{"type": "record", "namespace": "pl.` + context + `.v1", "name": "` + name + `", "doc": "It happened.",
			"pl": {"key": "loanId"}, "fields": [{"name": "loanId", "type": "string", "doc": "The loan."}]}`)}
	}
	m := modeltest.Load(t, fstest.MapFS{
		"go.mod": {Data: []byte("module example.com/school\n")}, options: {Data: text},
		"contracts/avro/library/v1/book_borrowed.avsc":  event("library", "BookBorrowed"),
		"contracts/avro/reminder/v1/reminded.avsc":      event("reminder", "Reminded"),
		"contracts/proto/pl/library/v1/library.proto":   {Data: []byte(lending)},
		"contracts/proto/pl/reminder/v1/reminder.proto": {Data: []byte(reminding)},
	})
	return m.Contexts[1]
}

func TestConsumerOptions(t *testing.T) {
	c := reminder(t).Consumes[0]
	if c.Retry.Attempts != 7 || c.Retry.First != 2*time.Second || c.Retry.Max != time.Minute || c.Retry.Pos.Line != 12 {
		t.Errorf("retry %+v", c.Retry)
	}
	if !c.SkipDead || !c.External || c.KeyLimit != 5 || c.HoldLimit != 50 {
		t.Errorf("consumer %+v", c)
	}
	full := model.Retry{Max: time.Second}.OrElse(model.DeliveryRetry)
	if full.Attempts != 15 || full.First != 500*time.Millisecond || full.Max != time.Second {
		t.Errorf("with defaults %+v", full)
	}
}

func TestPolicies(t *testing.T) {
	c := reminder(t)
	if len(c.Policies) != 2 {
		t.Fatalf("policies %+v", c.Policies)
	}
	all, one := c.Policies[0], c.Policies[1]
	want := model.Breaker{Failures: 2, Window: 4, Open: 9 * time.Second, Pos: all.Breaker.Pos}
	if all.Name() != "library" || all.Method != nil || all.Timeout != 3*time.Second || *all.Breaker != want || all.MaxConcurrent != 8 || all.Fallback {
		t.Errorf("policy %+v of %s", all, all.Name())
	}
	if one.Name() != "library.Borrow" || one.Method.Name != "Borrow" || one.Retry.Attempts != 1 || one.Breaker != nil || !one.Fallback {
		t.Errorf("policy %+v of %s", one, one.Name())
	}
}

func TestSaga(t *testing.T) {
	c := reminder(t)
	s := c.Sagas[0]
	if s.Name != "Remind" || s.Start.Topic != "pl.library.book_borrowed.v1" || s.Key.Name != "loanId" || s.Deadline != 48*time.Hour ||
		s.State.GoName != "State" || s.Compensate.Method.Name != "Return" || s.Context != c {
		t.Errorf("saga %+v", s)
	}
	call, publish, await := s.Steps[0], s.Steps[1], s.Steps[2]
	if call.GoName() != "LendAgain" || call.Call.Method.Name != "Borrow" || call.Call.Context.Name != "library" || call.Timeout != time.Hour ||
		call.Retry.Attempts != 3 || call.Compensate.Method.Name != "Return" || call.Continue {
		t.Errorf("step %+v", call)
	}
	if publish.Publish.GoName != "Reminded" || !publish.Continue || publish.Call != nil || await.Await.GoName != "Reminded" || await.Key.Name != "loanId" {
		t.Errorf("steps %+v, %+v", publish, await)
	}
	consumed := s.Consumes()
	if len(consumed) != 2 || len(consumed[1].Sagas) != 1 || len(consumed[1].ConsumedBy()) != 1 || len(s.Start.ConsumedBy()) != 1 {
		t.Errorf("consumes %v", consumed)
	}
}
