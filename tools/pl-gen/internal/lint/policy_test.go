package lint_test

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/lint"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/source"
)

const (
	optionsProto = "contracts/proto/pl/options/v1/options.proto"
	library      = `syntax = "proto3";
package pl.library.v1;
import "pl/options/v1/options.proto";
option go_package = "example.com/school/gen/proto/pl/library/v1;libraryv1";
// LibraryService lends books.
service LibraryService {
  option (pl.options.v1.context) = {
    owner: "squad-library" publishes: "pl.library.book_borrowed.v1" publishes: "pl.library.page_turned.v1"
  };
  // Borrow lends a book.
  rpc Borrow(BorrowRequest) returns (BorrowResponse) { option (pl.options.v1.access) = {allow: {public: true}}; }
  // Find finds a book.
  rpc Find(BorrowRequest) returns (BorrowResponse) { option idempotency_level = NO_SIDE_EFFECTS; option (pl.options.v1.access) = {allow: {public: true}}; }
}
// BorrowRequest is empty.
message BorrowRequest {}
// BorrowResponse is empty.
message BorrowResponse {}
`
	reminder = `syntax = "proto3";
package pl.reminder.v1;
import "pl/options/v1/options.proto";
option go_package = "example.com/school/gen/proto/pl/reminder/v1;reminderv1";
// ReminderService reminds.
service ReminderService {
  option (pl.options.v1.context) = {
    owner: "squad-reminder"
    calls: "library"
    @
  };
  // Remind reminds.
  rpc Remind(State) returns (State) { option (pl.options.v1.access) = {allow: {public: true}}; }
}
// State is empty.
message State {}
`
)

// findings returns what pl-gen says about options of context reminder, without
// the places.
func findings(t *testing.T, options string) []string {
	t.Helper()
	text, err := os.ReadFile("../../../../" + optionsProto)
	if err != nil {
		t.Fatal(err)
	}
	event := func(name, key string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte(`{"type": "record", "namespace": "pl.library.v1", "name": "` + name + `", "doc": "It happened.",
			"pl": {"key": "` + key + `"}, "fields": [{"name": "loanId", "type": "string", "doc": "The loan."},
			{"name": "note", "type": ["null", "string"], "default": null, "doc": "A note."}]}`)}
	}
	set, found, err := source.Load(fstest.MapFS{
		"go.mod": {Data: []byte("module example.com/school\n")}, optionsProto: {Data: text},
		"contracts/avro/library/v1/book_borrowed.avsc":  event("BookBorrowed", "loanId"),
		"contracts/avro/library/v1/page_turned.avsc":    event("PageTurned", ""),
		"contracts/proto/pl/library/v1/library.proto":   {Data: []byte(library)},
		"contracts/proto/pl/reminder/v1/reminder.proto": {Data: []byte(strings.Replace(reminder, "@", options, 1))},
	})
	if err != nil {
		t.Fatal(err)
	}
	m, more := model.Build(set)
	var lines []string
	for _, d := range append(append(found, more...), lint.Check(set, m)...) {
		if d.Pos.File != "contracts/proto/pl/reminder/v1/reminder.proto" || d.Pos.Line != 10 {
			t.Errorf("%s: place %v, want line 10 of the reminder's contract", options, d.Pos)
		}
		lines = append(lines, string(d.Rule)+" "+d.Message)
	}
	return lines
}

const (
	borrowed = `consumes: {topic: "pl.library.book_borrowed.v1" `
	turned   = `consumes: {topic: "pl.library.page_turned.v1" `
	policy   = `policies: {call: "library" `
	again    = `sagas: {name: "Again" start: "pl.library.book_borrowed.v1" key: "loanId" deadline: "24h" state: "State" `
	borrow   = `steps: {name: "borrow" call: "library.Borrow"} `
)

func TestPolicies(t *testing.T) {
	for _, test := range []struct{ options, want string }{
		{borrowed + `}`, ""},
		{borrowed + `retry: {}}`, ""},
		{borrowed + `retry: {attempts: 100 first_delay: "1ms" max_delay: "24h"} on_dead: ON_DEAD_SKIP key_limit: 10000}`, ""},
		{borrowed + `retry: {attempts: 101}}`, "RETRY_POLICY 101 attempts are more than 100"},
		{borrowed + `retry: {first_delay: "1us"}}`, "RETRY_POLICY first_delay 1µs is shorter than a millisecond"},
		{borrowed + `retry: {first_delay: "-1s"}}`, `RETRY_POLICY first_delay "-1s" is no duration`},
		{borrowed + `retry: {max_delay: "25h"}}`, "RETRY_POLICY max_delay 25h is longer than 24h"},
		{borrowed + `retry: {max_delay: "100ms"}}`, "RETRY_POLICY first_delay 500ms is longer than max_delay 100ms"},
		{borrowed + `retry: {first_delay: "16m"}}`, "RETRY_POLICY first_delay 16m is longer than max_delay 15m"},
		{borrowed + `hold_limit: 1000001}`, "CONSUMER_HOLD hold_limit 1000001 is above 1000000"},
		{borrowed + `key_limit: 6 hold_limit: 5}`, "CONSUMER_HOLD key_limit 6 is above hold_limit 5, so it is never reached"},
		{turned + `on_dead: ON_DEAD_BLOCK hold_limit: 5}`, ""},
		{turned + `on_dead: ON_DEAD_SKIP}`, "CONSUMER_HOLD pl.library.page_turned.v1 has no key, so ON_DEAD_SKIP has no effect"},
		{turned + `key_limit: 5}`, "CONSUMER_HOLD pl.library.page_turned.v1 has no key, so key_limit has no effect"},

		{policy + `timeout: "1m" retry: {attempts: 1}}`, ""},
		{policy + `}`, "CALL_POLICY library has a policy that says nothing"},
		{policy + `timeout: "61s"}`, "CALL_POLICY library has the timeout 1m1s"},
		{policy + `timeout: "1us"}`, "CALL_POLICY library has the timeout 1µs"},
		{policy + `timeout: "soon"}`, `CALL_POLICY timeout "soon" is no duration|CALL_POLICY library has a policy that says nothing`},
		{policy + `max_concurrent: 10001}`, "CALL_POLICY library has max_concurrent 10001"},
		{policy + `retry: {max_delay: "2m"}}`, "RETRY_POLICY max_delay 2m is longer than 1m"},
		{policy + `fallback: true}`, "CALL_POLICY library has a fallback for all calls at once"},
		{policy + `breaker: {}}`, "CALL_POLICY library has a breaker that opens without a failure"},
		{policy + `breaker: {failures: 3 window: 2}}`, "CALL_POLICY library has a breaker that needs 3 failures of the last 2 calls"},
		{policy + `breaker: {failures: 1001}}`, "CALL_POLICY library has a breaker over 1001 calls"},
		{policy + `breaker: {failures: 3 open: "11m"}}`, "CALL_POLICY library has a breaker that stays open for 11m"},
		{policy + `max_concurrent: 1} ` + policy + `max_concurrent: 2}`, "CALL_POLICY library has two policies"},
		{policy + `max_concurrent: 1} policies: {call: "library.Find" fallback: true}`, ""},
		{`policies: {call: "library.Lose" timeout: "1s"}`, `CALL_POLICY library has no call "Lose"`},
		{`policies: {call: "reminder" timeout: "1s"}`, "CALL_POLICY reminder calls itself"},
		{`policies: {timeout: "1s"}`, `CALL_POLICY reminder does not call ""`},

		{again + borrow + `}`, ""},
		{again + `}`, "SAGA_STEP the saga Again has no steps"},
		{again + borrow + borrow + `}`, "SAGA_STEP the saga Again has two steps named borrow|SAGA_UNDO the step borrow is not undone when the step borrow fails"},
		{again + borrow + `} ` + again + borrow + `}`, "SAGA_NAME Again is the name of another saga of reminder"},
		{strings.Replace(again, "Again", "Remind", 1) + borrow + `}`, "SAGA_NAME Remind is the name of a call of reminder"},
		{strings.Replace(again, "24h", "1ms", 1) + borrow + `}`, "SAGA_TIME the saga Again has no deadline between a second and a year"},
		{again + `steps: {name: "find" call: "library.Find"}}`, "SAGA_CALL library.Find is a query"},
		{again + `steps: {name: "wait" await: "pl.library.book_borrowed.v1" key: "note"}}`, "SAGA_KEY the field note of BookBorrowed is nullable"},
		{again + borrow + `compensate: "library.Find"}`, "SAGA_CALL library.Find is a query"},
	} {
		if got := strings.Join(findings(t, test.options), "|"); got != test.want {
			t.Errorf("%s\ngot  %s\nwant %s", test.options, got, test.want)
		}
	}
}
