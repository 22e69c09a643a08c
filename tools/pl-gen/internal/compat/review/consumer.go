package review

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/pulselearn/campus-hub/platform/avro"
	walk "github.com/pulselearn/campus-hub/platform/avro/compat"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/compat/history"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/compat/reads"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
)

// A reader is a consumer of an event, as it was deployed before the change.
type reader struct {
	*model.Consumer
	// known tells whether its code was found, and paths what it reads, in the
	// names of the contract.
	known bool
	use   reads.Use
	paths []string
}

func (r reader) name() string { return r.Context.Name + "." + r.Handler }

// consumers finds the consumers of events and what they read.
type consumers struct {
	ctx   context.Context
	base  *history.Base
	model *model.Model
	code  fs.FS
	asked bool
}

func newConsumers(ctx context.Context, base *history.Base, m *model.Model) *consumers {
	return &consumers{ctx: ctx, base: base, model: m}
}

// of returns the consumers of an event before the change; where the base has
// no wiring, those of the contracts.
func (c *consumers) of(old, current *model.Event) ([]reader, error) {
	list := old.Consumers
	if !c.base.Complete && current != nil {
		list = current.Consumers
	}
	if !c.asked {
		var err error
		if c.code, err = c.base.Code(c.ctx); err != nil {
			return nil, fmt.Errorf("read the consumers of %s: %w", c.base.Name, err)
		}
		c.asked = true
	}
	readers := make([]reader, 0, len(list))
	for _, one := range list {
		r, err := c.reader(one, old)
		if err != nil {
			return nil, err
		}
		readers = append(readers, r)
	}
	return readers, nil
}

func (c *consumers) reader(one *model.Consumer, old *model.Event) (reader, error) {
	r := reader{Consumer: one}
	if c.code == nil {
		return r, nil
	}
	var err error
	if r.use, r.known, err = reads.Of(c.code, one.Context.Name, one.Handler); err != nil {
		return r, fmt.Errorf("read what %s reads: %w", r.name(), err)
	}
	for _, chain := range r.use.Fields {
		if path := pathOf(old.Schema, chain); path != "" && !slices.Contains(r.paths, path) {
			r.paths = append(r.paths, path)
		}
	}
	return r, nil
}

// pathOf returns the contract's path for a Go selector, as far as it leads
// through fields, or "".
func pathOf(s *avro.Schema, chain string) string {
	var path []string
	for name := range strings.SplitSeq(chain, ".") {
		f := fieldOf(s, name)
		if f == nil {
			break
		}
		path = append(path, f.Name)
		s = f.Type
	}
	return strings.Join(path, ".")
}

// fieldOf returns the field of that Go name in a record, or in a nullable one.
func fieldOf(s *avro.Schema, goName string) *avro.Field {
	for _, b := range append(slices.Clone(s.Branches), s) {
		for _, f := range b.Fields {
			if reads.Fold(f.Name) == reads.Fold(goName) {
				return f
			}
		}
	}
	return nil
}

// describe says who a consumer is and what it reads.
func (r reader) describe() string {
	switch {
	case !r.known:
		return fmt.Sprintf("%s (%s)", r.name(), r.Pos)
	case r.use.Whole:
		return fmt.Sprintf("%s (%s) reads the whole event", r.name(), r.use.Pos)
	case len(r.paths) == 0:
		return fmt.Sprintf("%s (%s) reads no field", r.name(), r.use.Pos)
	}
	return fmt.Sprintf("%s (%s) reads %s", r.name(), r.use.Pos, strings.Join(r.paths, ", "))
}

// reads reports whether a consumer may read a field or a part of it.
func (r reader) reads(path string) bool {
	return !r.known || r.use.Whole || slices.ContainsFunc(r.paths, func(p string) bool { return within(p, path) || within(path, p) })
}

func within(path, of string) bool {
	return path == of || strings.HasPrefix(path, of+".") || strings.HasPrefix(path, of+"[") || strings.HasPrefix(path, of+"{")
}

// nobody is what is said about an event without consumers.
const nobody = "no context consumes the event"

func tell(readers []reader, effect func(reader) string) string {
	if len(readers) == 0 {
		return nobody
	}
	lines := make([]string, 0, len(readers))
	for _, r := range readers {
		lines = append(lines, r.describe()+effect(r))
	}
	return strings.Join(lines, "\n")
}

// tell says what a change of meaning does to each consumer.
func (c *change) tell(path, effect string) string {
	return tell(c.readers, func(r reader) string {
		switch {
		case effect == "":
			return ""
		case path != "" && !r.reads(path):
			return "; not " + path + ", so nothing changes for it"
		}
		return "; " + effect
	})
}

// tellDecoding says what a violation does to each consumer: a message is
// decoded as a whole, whatever is read of it.
func (c *change) tellDecoding(v violation) string {
	return tell(c.readers, func(reader) string {
		which := "events that were written before, on the topic, in retries and in dead letters, once it is deployed with the new schema"
		if !v.newReads {
			which = "new events, until it is deployed with the new schema"
		}
		if some, ok := partly[v.Type]; ok {
			which = some + which
		}
		return "; fails to decode " + which
	})
}

// partly are the violations that only some values meet.
var partly = map[walk.Type]string{
	walk.MissingEnumSymbols: "those with such a symbol among ",
	walk.MissingUnionBranch: "those with such a value among ",
}

// effects are what happens to a consumer that a rule is about.
var effects = map[diag.Rule]string{
	diag.CompatDecimal:        "takes every amount for another one, without an error",
	diag.CompatTimeUnit:       "takes every time for another one, without an error",
	diag.CompatLogicalType:    "takes the value for something else, without an error",
	diag.CompatBytesString:    "fails on bytes that are not UTF-8, or spoils them",
	diag.CompatLossyPromotion: "gets rounded numbers, without an error",
	diag.CompatEnumDefault:    "fails on events with the new symbol until it is deployed with the new schema",
	diag.CompatAliasRemoved:   "loses what was written under the old name, without an error",
	diag.CompatRenamed:        "loses what is written under the other name, without an error",
	diag.CompatKey:            "sees events of one subject out of order",
	diag.CompatPartitions:     "sees events of one key out of order",
	diag.CompatPII:            "keeps what it has stored as it is",
	diag.CompatRetention:      "misses what is deleted before it has caught up",
	diag.CompatMoved:          "gets nothing any more until it consumes the new topic",
	diag.CompatRemoved:        "waits for ever",
	diag.CompatFieldRead:      "gets the default in place of the value, without an error",
}
