package gateway_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/gateway"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/graphql"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/openapi"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model/modeltest"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/plan"
)

const ledgerProto = `syntax = "proto3";
package pl.ledger.v1;
import "pl/options/v1/options.proto";
option go_package = "github.com/pulselearn/campus-hub/gen/proto/pl/ledger/v1;ledgerv1";
// LedgerService keeps books.
service LedgerService {
  option (pl.options.v1.context) = {owner: "squad-ledger"};
  // Book books.
  rpc Book(BookRequest) returns (BookResponse) {
    option (pl.options.v1.http) = {post: "/api/v1/bookings"};
    option (pl.options.v1.access) = {%s};
  }
  // BatchGetAccounts reads.
  rpc BatchGetAccounts(BatchGetAccountsRequest) returns (BatchGetAccountsResponse) {
    option idempotency_level = NO_SIDE_EFFECTS;
    option (pl.options.v1.access) = {%s};
  }
  // Sum sums up.
  rpc Sum(SumRequest) returns (SumResponse) {
    option idempotency_level = NO_SIDE_EFFECTS;
    option (pl.options.v1.http) = {get: "/api/v1/sum"};
    option (pl.options.v1.access) = {allow: {role: "admin"}};
  }
}
// Account is an account.
message Account { string id = 1; }
message BookRequest { string text = 1; }
message BookResponse { Receipt receipt = 1; }
// Receipt is what only a booking answers with.
message Receipt { string id = 1; }
message BatchGetAccountsRequest { repeated string ids = 1 [(pl.options.v1.field).max_len = 7]; }
message BatchGetAccountsResponse { repeated Account accounts = 1; }
message SumRequest {}
message SumResponse { string account_id = 1 [(pl.options.v1.field).references = "ledger.BatchGetAccounts"]; }
`

// TestCallsOfOtherContextsAreNotOffered counts what people are offered of three
// calls, one of which anybody of them may always make.
func TestCallsOfOtherContextsAreNotOffered(t *testing.T) {
	const people, services = `allow: {role: "admin"}`, `allow: {service: "quiz"}`
	for _, test := range []struct {
		book, batch                                 string
		calls, routes, roots, relations, operations int
	}{
		{people, people, 3, 2, 3, 1, 7},
		{services + people, people + services, 3, 2, 3, 1, 7},
		{`allow: {public: true}`, people, 3, 2, 3, 1, 7},
		{services, people, 2, 1, 2, 1, 5},
		{services + `allow: {service: "course"}`, services, 1, 1, 1, 0, 3},
	} {
		m := ledger(t, fmt.Sprintf(ledgerProto, test.book, test.batch))
		api := content(t, gateway.Emit, m)
		graph := joined(t, graphql.Emit, m)
		document := joined(t, openapi.EmitHub, m)
		for what, n := range map[string][2]int{
			"calls of the front door":      {strings.Count(api, "Procedure:"), test.calls},
			"routes of REST":               {strings.Count(api, "Route:"), test.routes},
			"root fields of GraphQL":       {strings.Count(graph, "Type: \"Query\"") + strings.Count(graph, "Type: \"Mutation\""), test.roots},
			"fields in the GraphQL schema": {strings.Count(graph, "\n  book(") + strings.Count(graph, "\n  batchGetAccounts(") + strings.Count(graph, "\n  sum:"), test.roots},
			"relations of GraphQL":         {strings.Count(graph, "Batch:"), test.relations},
			"relations in the schema":      {strings.Count(graph, "\n  account: Account"), test.relations},
			"operations of OpenAPI":        {strings.Count(document, `"operationId"`), test.operations},
		} {
			if n[0] != n[1] {
				t.Errorf("book {%s}, batch {%s}: %d %s, want %d", test.book, test.batch, n[0], what, n[1])
			}
		}
		if offered := strings.Contains(graph+document, "Receipt"); offered != (test.book != services && test.calls > 1) {
			t.Errorf("book {%s}: what only it answers with is offered: %t", test.book, offered)
		}
	}
}

func ledger(t *testing.T, text string) *model.Model {
	t.Helper()
	options, err := os.ReadFile(top + "/contracts/proto/pl/options/v1/options.proto")
	if err != nil {
		t.Fatal(err)
	}
	return modeltest.Load(t, fstest.MapFS{
		"go.mod": {Data: []byte("module github.com/pulselearn/campus-hub\n")},
		"contracts/proto/pl/options/v1/options.proto": {Data: options},
		"contracts/proto/pl/ledger/v1/ledger.proto":   {Data: []byte(text)},
	})
}

func content(t *testing.T, emit func(string, *model.Context) ([]plan.File, error), m *model.Model) string {
	t.Helper()
	return joined(t, func(m *model.Model) ([]plan.File, error) {
		for _, c := range m.Contexts {
			if c.Service != nil {
				return emit(m.Module, c)
			}
		}
		return nil, nil
	}, m)
}

func joined(t *testing.T, emit func(*model.Model) ([]plan.File, error), m *model.Model) string {
	t.Helper()
	files, err := emit(m)
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	var text strings.Builder
	for _, f := range files {
		text.Write(f.Content)
	}
	return text.String()
}
