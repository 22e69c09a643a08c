package compat

import (
	"strconv"

	"github.com/pulselearn/campus-hub/platform/avro"
)

// unions checks that each branch of the writer's union can be read.
func (w *walker) unions(r, wr *avro.Schema, at *place) *result {
	var found []*result
	for i, branch := range wr.Branches {
		if why := w.check(r, branch, at.restart()); why != nil {
			found = append(found, w.lacking(r, branch, at.down(strconv.Itoa(i), ""), causes(why)))
		}
	}
	return join(found)
}

// causes takes the causes over from what was found in a branch.
func causes(r *result) []Incompatibility {
	if r.one != nil && r.one.Type == MissingUnionBranch {
		return r.one.Causes
	}
	return nil
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
	return w.lacking(r, wr, at, w.explain(why))
}

// explain lists the causes of a missing branch, as long as there are not too
// many of them in all.
func (w *walker) explain(why *result) []Incompatibility {
	if why == nil || w.causes >= maxListed {
		return nil
	}
	causes := why.appendTo(nil, maxListed-w.causes)
	w.causes += len(causes)
	return causes
}

func (w *walker) lacking(r, wr *avro.Schema, at *place, causes []Incompatibility) *result {
	reader, writer := at.use(r, wr)
	found := at.one(MissingUnionBranch, reader, writer, "reader union lacking writer type: "+javaKind(wr))
	found.one.Causes = causes
	return found
}
