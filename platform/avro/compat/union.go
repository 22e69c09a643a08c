package compat

import (
	"strconv"

	"github.com/pulselearn/campus-hub/platform/avro"
)

// unions checks that each branch of the writer's union can be read.
func (w *walker) unions(r, wr *avro.Schema, at *place) *result {
	var found []*result
	for i, branch := range wr.Branches {
		if missing := w.check(r, branch, at.restart()); missing != nil {
			found = append(found, lacking(r, branch, at.down(strconv.Itoa(i), ""), missing.why()))
		}
	}
	return join(found)
}

// writerUnion checks that a reader reads each branch of the writer's union.
func (w *walker) writerUnion(r, wr *avro.Schema, at *place) *result {
	var found []*result
	for i, branch := range wr.Branches {
		found = also(found, w.check(r, branch, at.down(strconv.Itoa(i), "")))
	}
	return join(found)
}

// readerUnion looks for a branch that reads what the writer writes.
func (w *walker) readerUnion(r, wr *avro.Schema, at *place) *result {
	var why *result
	for _, branch := range r.Branches {
		found := w.check(branch, wr, at.restart())
		if found == nil {
			return nil
		}
		if branch.Kind == wr.Kind && (branch.Name == "" || names(branch, wr, at) == nil) {
			why = found
		}
	}
	return lacking(r, wr, at, why)
}

func lacking(r, wr *avro.Schema, at *place, causes *result) *result {
	reader, writer := at.use(r, wr)
	found := at.one(MissingUnionBranch, reader, writer, "reader union lacking writer type: "+javaKind(wr))
	found.one.causes = causes
	return found
}
