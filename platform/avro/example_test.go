package avro_test

import (
	"errors"
	"fmt"

	"github.com/pulselearn/campus-hub/platform/avro"
)

func ExampleParse() {
	s, err := avro.Parse("badge.avsc", []byte(`{
		"type": "record", "name": "Badge", "namespace": "pl.achievement.v1",
		"fields": [{"name": "id", "type": "string", "doc": "Who earned it."}]}`), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(s.FullName(), "field", s.Fields[0].Name, "at", s.Fields[0].NamePos)
	fmt.Println(string(avro.Text(s)))
	fmt.Printf("%s %016x\n", avro.Canonical(s), avro.Fingerprint64(s))
	// Output:
	// pl.achievement.v1.Badge field id at badge.avsc:3:23
	// {"type":"record","name":"Badge","namespace":"pl.achievement.v1","fields":[{"name":"id","type":"string","doc":"Who earned it."}]}
	// {"name":"pl.achievement.v1.Badge","type":"record","fields":[{"name":"id","type":"string"}]} 88014593912d2e86
}

func ExampleFaults() {
	_, err := avro.Parse("badge.avsc", []byte(`{"type": "record", "name": "Badge", "fields": [
		{"name": "id", "type": "strin"},
		{"name": "score", "type": "int", "default": null}]}`), nil)
	var faults avro.Faults
	if errors.As(err, &faults) {
		for _, f := range faults {
			fmt.Println(f.Pos, f.Code, f.Pointer)
			fmt.Println(" ", f.Message+"; "+f.Fix)
		}
	}
	// Output:
	// badge.avsc:2:26 unknown-type /fields/0/type
	//   the type "strin" is not defined; did you mean "string"?
	// badge.avsc:3:47 bad-default /fields/1/default
	//   the default, null, is not a value of the type int; make the type ["null", …], or remove the default
}
