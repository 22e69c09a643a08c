package compat_test

import (
	"fmt"

	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/platform/avro/compat"
)

func ExampleCheckLevel() {
	v1, _ := avro.Parse("v1.avsc", []byte(`{"type":"record","name":"Badge","fields":[{"name":"id","type":"long"}]}`), nil)
	v2, _ := avro.Parse("v2.avsc", []byte(`{"type":"record","name":"Badge","fields":[{"name":"id","type":"int"},{"name":"kind","type":"string"}]}`), nil)
	for _, f := range compat.CheckLevel(compat.Full, []*avro.Schema{v1}, v2) {
		fmt.Printf("%s: %s %s: %s\n", f.ReaderPos, f.Type, f.Path, f.Message)
	}
	// Output:
	// v2.avsc:1:63: TYPE_MISMATCH id: reader type: INT not compatible with writer type: LONG
	// v2.avsc:1:78: READER_FIELD_MISSING_DEFAULT_VALUE kind: kind
}
