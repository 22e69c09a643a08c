package source

import (
	"cmp"
	"errors"
	"slices"

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
	var faults avro.Faults
	errors.As(err, &faults)
	endless := avro.NeverEnds(slices.DeleteFunc(slices.Clone(schemas), func(s *avro.Schema) bool { return s == nil })...)
	for _, f := range files {
		faults = append(faults, avro.RepeatedKeys(f.path, f.text)...)
	}
	found := avroFaults(append(faults, endless...))
	for i, s := range schemas {
		switch {
		case s == nil, slices.ContainsFunc(endless, func(f avro.Fault) bool { return f.Pos.File == list[i].Path }):
		case s.Pos.File != list[i].Path:
			found = append(found, definedTwice(list[i], s))
		default:
			list[i].Schema = s
		}
	}
	return list, found
}

// definedTwice is about a file whose type another file defines in the same
// words.
func definedTwice(a *Avro, s *avro.Schema) diag.Diagnostic {
	return diag.New(diag.AvroInvalid, diag.Pos{File: a.Path, Line: 1, Col: 1},
		"the type "+s.FullName()+" is defined in "+s.Pos.File+" as well").Because(
		"a full name stands for one type, so that a schema can refer to it",
		"rename one of them; types that events share live in contracts/avro/common")
}

func avroFaults(faults avro.Faults) []diag.Diagnostic {
	found := make([]diag.Diagnostic, 0, len(faults))
	for _, f := range faults {
		rule, ok := avroRules[f.Code]
		if !ok {
			rule = diag.AvroInvalid
		}
		cause := avroCauses[rule]
		if f.Code == avro.CodeDuplicateKey {
			cause = "JSON does not say which of them counts; most readers take the last in silence"
		}
		found = append(found, diag.New(rule, f.Pos, f.Message).Because(cause, cmp.Or(f.Fix, avroFixes[rule])))
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

// avroFixes are for faults whose message says it all.
var avroFixes = map[diag.Rule]string{
	diag.AvroSyntax:      "correct the JSON at this place",
	diag.AvroUnknownType: "define the type, or name one that exists",
	diag.AvroDefault:     "write a value of the type",
	diag.AvroEndless:     "make the field nullable, an array or a map",
	diag.AvroInvalid:     "change the schema as the message says",
}
