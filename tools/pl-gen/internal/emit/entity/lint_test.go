package entity_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/entity"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/source"
)

// TestCheck has every finding about entities in one contract.
func TestCheck(t *testing.T) {
	const options = "contracts/proto/pl/options/v1/options.proto"
	text, err := os.ReadFile(filepath.Join(top, options))
	if err != nil {
		t.Fatal(err)
	}
	set, found, err := source.Load(fstest.MapFS{
		"go.mod": {Data: []byte("module example.com/school\n")},
		options:  {Data: text},
		"contracts/proto/pl/zoo/v1/zoo.proto": {Data: []byte(`syntax = "proto3";
package pl.zoo.v1;
import "pl/options/v1/options.proto";
option go_package = "example.com/school/gen/proto/pl/zoo/v1;zoov1";
service ZooService { option (pl.options.v1.context) = {owner: "squad-zoo"}; }
enum Color { COLOR_UNSPECIFIED = 0; }
message Query { option (pl.options.v1.entity) = {}; string id = 1 [(pl.options.v1.field).primary_key = true]; }
message Tx { option (pl.options.v1.entity) = {}; string id = 1 [(pl.options.v1.field).primary_key = true]; }
message BigCat { option (pl.options.v1.entity) = {}; string id = 1 [(pl.options.v1.field).primary_key = true]; }
message Bigcat {
  option (pl.options.v1.entity) = {};
  string id = 1 [(pl.options.v1.field).primary_key = true];
  uint64 hairs = 2;
  repeated Color colors = 3;
  map<string, uint64> counts = 4;
  repeated bytes pictures = 5;
}
`)},
	})
	if err != nil {
		t.Fatal(err)
	}
	m, _ := model.Build(set)
	if diag.HasErrors(found) {
		t.Fatal(found)
	}
	var got []string
	for _, d := range diag.Sort(entity.Check(m)) {
		got = append(got, string(d.Rule)+" "+d.Message)
	}
	want := []string{
		`GO_NAME Query cannot name an entity`,
		`GO_NAME Tx cannot name an entity`,
		`GO_NAME the entities BigCat and Bigcat are one Go package, bigcat`,
		`ENTITY_COLUMN Bigcat.hairs cannot be stored: uint64 has no column`,
		`ENTITY_COLUMN Bigcat.colors cannot be stored: lists of pl.zoo.v1.Color has no column`,
		`ENTITY_COLUMN Bigcat.counts cannot be stored: uint64 has no column`,
	}
	if len(got) != len(want) {
		t.Fatalf("findings:\n%s", strings.Join(got, "\n"))
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("finding %q, want %q", got[i], want[i])
		}
	}
}
