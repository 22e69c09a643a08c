package operate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/pulselearn/campus-hub/platform/admin"
)

// A choice is the flags that choose letters.
type choice struct {
	filter admin.Filter
	since  string
}

func (c *choice) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&c.filter.Context, "context", "", "letters of this context")
	flags.StringVar(&c.filter.Consumer, "consumer", "", "letters of this consumer: achievement.OnQuizCompleted")
	flags.StringVar(&c.filter.Topic, "topic", "", "letters from this topic")
	flags.StringVar(&c.filter.State, "state", "", "held, dead, parked or dropped")
	flags.StringVar(&c.filter.Key, "key", "", "letters with this key")
	flags.StringVar(&c.filter.EventID, "event", "", "letters that hold the event with this id")
	flags.StringVar(&c.filter.Signature, "signature", "", "letters with this cause: what \"list\" prints in the column SIGNATURE")
	flags.StringVar(&c.since, "since", "", "letters that were held at or after this time, or this long ago: 2h")
}

func (c *choice) check() error {
	if s := c.filter.State; s != "" && !slices.Contains([]string{admin.Held, admin.Dead, admin.Parked, admin.Dropped}, s) {
		return usage("--state %q is none of held, dead, parked and dropped", s)
	}
	since, err := moment("since", c.since, time.Now())
	c.filter.Since = since
	return err
}

// empty reports whether nothing was chosen, which would mean everything.
func (c *choice) empty() bool {
	f := c.filter
	f.State = ""
	return f == admin.Filter{}
}

// signatureID is a short name for a signature, easy to copy.
func signatureID(signature string) string {
	sum := sha256.Sum256([]byte(signature))
	return hex.EncodeToString(sum[:4])
}

var shortSignature = regexp.MustCompile(`^[0-9a-f]{8}$`)

// resolve replaces the short name of a signature by the signature.
func (c *choice) resolve(ctx context.Context, f *fleet) error {
	short := c.filter.Signature
	if !shortSignature.MatchString(short) {
		return nil
	}
	all := c.filter
	all.Signature, all.State = "", ""
	err := f.each(all, func(client *admin.Client, filter admin.Filter) error {
		groups, err := client.Groups(ctx, filter)
		for _, g := range groups {
			if signatureID(g.Signature) == short {
				c.filter.Signature = g.Signature
			}
		}
		return err
	})
	if err == nil && c.filter.Signature == short {
		err = fmt.Errorf("no letter has the signature %s; \"pl-gen dlq list\" prints those that there are", short)
	}
	return err
}
