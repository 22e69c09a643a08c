package compat

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/pulselearn/campus-hub/platform/avro"
)

const newField = "leave this field as it is, add one of the new type under another name, fill both, and drop the old one when nobody reads it any more"

// values compares what two unnamed or named types mean by their bytes.
func (w *walker) values(old, new *avro.Schema, path string) {
	switch {
	case old.LogicalType == "decimal" && new.LogicalType == "decimal":
		w.decimal(old, new, path)
	case old.LogicalType != new.LogicalType && readable(old.Kind, new.Kind):
		w.logical(old, new, path)
	}
	w.promotion(old, new, path)
}

// readable reports whether a registry lets a kind with logical types become
// another, in either direction.
func readable(a, b avro.Kind) bool {
	return a == b || whole(a) && whole(b) || textual(a) && textual(b)
}

func whole(k avro.Kind) bool { return k == avro.Int || k == avro.Long }

func (w *walker) decimal(old, new *avro.Schema, path string) {
	if old.Scale != new.Scale {
		w.report(Decimal, path, property(new, "scale"), property(old, "scale"), text{
			fmt.Sprintf("the scale of %s changes from %d to %d", call(path), old.Scale, new.Scale),
			fmt.Sprintf("a decimal is written as a whole number without its scale, so a reader with the other schema gets every amount wrong by a factor of 10^%d", max(old.Scale-new.Scale, new.Scale-old.Scale)),
			newField})
	}
	if old.Precision != new.Precision {
		w.report(Decimal, path, property(new, "precision"), property(old, "precision"), text{
			fmt.Sprintf("the precision of %s changes from %d to %d", call(path), old.Precision, new.Precision),
			"the side with the smaller precision meets numbers that it has no room for, and Avro says that decimals of different precision do not match",
			newField})
	}
}

func property(s *avro.Schema, name string) avro.Pos {
	if at, ok := s.PropPos[name]; ok {
		return at
	}
	if at, ok := s.PropPos["logicalType"]; ok {
		return at
	}
	return s.Pos
}

func (w *walker) logical(old, new *avro.Schema, path string) {
	pos, oldPos := property(new, "logicalType"), property(old, "logicalType")
	from, to := meaning(old), meaning(new)
	oldTime, oldUnit := timeOf(old)
	newTime, newUnit := timeOf(new)
	if oldTime == newTime && oldUnit != "" && newUnit != "" {
		w.report(TimeUnit, path, pos, oldPos, text{
			fmt.Sprintf("%s changes from %s to %s", call(path), from, to),
			fmt.Sprintf("the same number counts %s for one side and %s for the other, so times are wrong by a factor of a thousand or a million", oldUnit, newUnit),
			newField})
		return
	}
	w.report(LogicalType, path, pos, oldPos, text{
		fmt.Sprintf("%s changes from %s to %s", call(path), from, to),
		"the bytes stay readable and mean something else: registries and decoders compare only the types underneath, not what they stand for",
		newField})
}

func meaning(s *avro.Schema) string { return cmp.Or(s.LogicalType, "plain "+s.Kind.String()) }

var units = map[string]string{"-millis": "milliseconds", "-micros": "microseconds", "-nanos": "nanoseconds"}

// timeOf splits a time's logical type into what it is and its unit, which is
// "" for everything else.
func timeOf(s *avro.Schema) (kind, unit string) {
	for suffix, name := range units {
		if kind, ok := strings.CutSuffix(s.LogicalType, suffix); ok {
			return kind, name
		}
	}
	return s.LogicalType, ""
}

var lossy = map[avro.Kind][]avro.Kind{
	avro.Float:  {avro.Int, avro.Long},
	avro.Double: {avro.Long},
}

// promotion finds the promotions of Avro that do not keep every value. One
// side of the change reads the other's data, so both directions count.
func (w *walker) promotion(old, new *avro.Schema, path string) {
	switch {
	case slices.Contains(lossy[new.Kind], old.Kind):
		w.lossy(old, new, old, new, path)
	case slices.Contains(lossy[old.Kind], new.Kind):
		w.lossy(old, new, new, old, path)
	case textual(old.Kind) && textual(new.Kind) && old.Kind != new.Kind:
		w.report(BytesString, path, new.Pos, old.Pos, text{
			fmt.Sprintf("%s changes from %s to %s", call(path), old.Kind, new.Kind),
			"bytes that are not UTF-8 cannot be text: readers of the string fail on them, or replace them without a word",
			newField})
	}
}

func textual(k avro.Kind) bool { return k == avro.Bytes || k == avro.String }

func (w *walker) lossy(old, new, from, to *avro.Schema, path string) {
	digits := "53"
	if to.Kind == avro.Float {
		digits = "24"
	}
	w.report(LossyPromotion, path, new.Pos, old.Pos, text{
		fmt.Sprintf("%s changes from %s to %s", call(path), old.Kind, new.Kind),
		fmt.Sprintf("a %s keeps %s bits of a whole number: who reads %s as %s gets another number, for example another id, and no error", to.Kind, digits, from.Kind, to.Kind),
		newField})
}
