package review

import (
	"fmt"

	"github.com/pulselearn/campus-hub/platform/avro"
	walk "github.com/pulselearn/campus-hub/platform/avro/compat"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
)

// Pair returns every reason why a reader cannot read what a writer wrote, in
// the order of Apache Avro for Java, repeated where Java repeats it.
func Pair(reader, writer *avro.Schema) []diag.Diagnostic {
	var found []diag.Diagnostic
	for _, i := range walk.Check(reader, writer) {
		v := violation{Incompatibility: i, newReads: true, asked: true}
		text := explain(v)
		d := diag.New(diag.CompatBackward, v.pos(), text.message).Because("the reader cannot read what the writer wrote"+v.branches(), text.fix)
		d.Change = diag.Change{Field: v.Path, Type: string(v.Type), Pointer: v.Pointer, Reason: v.Message, Was: fmt.Sprint(v.was())}
		found = append(found, d)
	}
	return found
}
