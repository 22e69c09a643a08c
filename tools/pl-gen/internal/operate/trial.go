package operate

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/pulselearn/campus-hub/platform/admin"
)

// dryRows is how many letters a dry run by filter tries.
const dryRows = 5

// dryRun tries letters: the ids, or the first of those that the filters choose.
func (r *redrive) dryRun(ctx context.Context, f *fleet) error {
	ids, err := r.some(ctx, f)
	if err != nil {
		return err
	}
	trials := []admin.Trial{}
	for _, id := range ids {
		c, err := f.ofLetter(id)
		if err != nil {
			return err
		}
		trial, err := c.DryRun(ctx, id)
		if err != nil {
			return err
		}
		trials = append(trials, trial)
	}
	if err := r.env.emit(&r.conn, trials, func(w io.Writer) error { return printTrials(w, trials) }); err != nil {
		return err
	}
	for _, t := range trials {
		if t.Outcome != "success" && t.Outcome != "duplicate" {
			return ErrFindings
		}
	}
	return nil
}

func (r *redrive) some(ctx context.Context, f *fleet) ([]string, error) {
	if len(r.ids) > 0 {
		return r.ids, nil
	}
	var ids []string
	err := f.each(r.chosen.filter, func(c *admin.Client, filter admin.Filter) error {
		some, err := c.Letters(ctx, filter, dryRows)
		for _, l := range some {
			ids = append(ids, l.ID)
		}
		return err
	})
	if err == nil && len(ids) == 0 {
		err = errors.New("no letter is like that; \"pl-gen dlq list\" says what there is")
	}
	fmt.Fprintf(r.env.Stderr, "trying %s; nothing stays changed\n", letters(int64(len(ids))))
	return ids, err
}

func printTrials(w io.Writer, trials []admin.Trial) error {
	for _, t := range trials {
		fmt.Fprintf(w, "%s  %s\n", t.ID, t.Outcome)
		if t.Error != "" {
			fmt.Fprintf(w, "  error: %s\n", line(t.Error, 400))
		}
		for _, c := range t.Changes {
			fmt.Fprintf(w, "  would %s %s of %s\n", c.Action, count(c.Rows, "row", "rows"), c.Table)
		}
		for _, p := range t.Published {
			fmt.Fprintf(w, "  would publish %s key %s: %s\n", p.Topic, p.Key, p.Payload)
		}
		if t.Outcome == "success" && len(t.Changes)+len(t.Published) == 0 {
			fmt.Fprintln(w, "  would change and publish nothing")
		}
	}
	return nil
}
