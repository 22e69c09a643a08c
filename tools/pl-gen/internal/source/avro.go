package source

import (
	"errors"

	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
)

// parseAvro parses all schemas together, because they refer to the shared
// ones.
func parseAvro(files []file) ([]*Avro, []diag.Diagnostic) {
	texts := make([]avro.File, len(files))
	list := make([]*Avro, len(files))
	for i, f := range files {
		texts[i] = avro.File{Name: f.path, Text: f.text}
		list[i] = &Avro{Path: f.path, Text: f.text}
	}
	schemas, err := avro.ParseFiles(texts, nil)
	for i, s := range schemas {
		list[i].Schema = s
	}
	return list, avroFaults(err)
}

func avroFaults(err error) []diag.Diagnostic {
	var faults avro.Faults
	if !errors.As(err, &faults) {
		return nil
	}
	found := make([]diag.Diagnostic, 0, len(faults))
	for _, f := range faults {
		rule, ok := avroRules[f.Code]
		if !ok {
			rule = diag.AvroInvalid
		}
		found = append(found, diag.New(rule, f.Pos, f.Message).Because(avroCauses[rule], f.Fix))
	}
	return found
}

var avroRules = map[string]diag.Rule{
	avro.CodeSyntax:      diag.AvroSyntax,
	avro.CodeUnknownType: diag.AvroUnknownType,
	avro.CodeBadDefault:  diag.AvroDefault,
	avro.CodeNeverEnds:   diag.AvroEndless,
}

var avroCauses = map[diag.Rule]string{
	diag.AvroSyntax:      "the file is not JSON at this place, so nothing in it can be read",
	diag.AvroUnknownType: "a type is a primitive, one that this file defines, or one in contracts/avro/common by its full name",
	diag.AvroDefault:     "a reader fills the field with the default when the writer's schema lacks it, so the default must be a value of the type",
	diag.AvroEndless:     "every value of the record holds another one, so none can be written in finitely many bytes",
	diag.AvroInvalid:     "every Avro implementation would refuse the schema",
}
