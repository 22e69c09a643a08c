package auth

import (
	"context"
	"fmt"
	"time"

	ent "github.com/pulselearn/campus-hub/gen/ent/auth"
	"github.com/pulselearn/campus-hub/gen/ent/auth/loginthrottle"
	authservice "github.com/pulselearn/campus-hub/gen/service/auth"
)

// How many log-ins, and requests for a new password, may be tried in a window,
// for one account and from one address. Whole campuses have one address.
const (
	triesWindow   = 15 * time.Minute
	accountTries  = 10
	addressTries  = 300
	accountResets = 3
	addressResets = 100
)

// A limit is the tries that one account or address has.
type limit struct {
	id   string
	most int64
}

func accountLimit(name string) limit { return limit{stableID("account " + name), accountTries} }

func addressLimit(address string) limit { return limit{stableID("address " + address), addressTries} }

func accountResetLimit(name string) limit {
	return limit{stableID("reset account " + name), accountResets}
}

func addressResetLimit(address string) limit {
	return limit{stableID("reset address " + address), addressResets}
}

// try counts a try before its password is looked at, so that many at once, in
// however many processes, are not too many: whoever counts holds the row until
// the commit. It returns how long to wait when there were too many already.
func try(ctx context.Context, tx *authservice.Tx, limits ...limit) (wait time.Duration, err error) {
	for _, l := range limits {
		counted, err := count(ctx, tx, l)
		if err != nil {
			return 0, fmt.Errorf("count what was tried: %w", err)
		}
		if counted.Tries > l.most {
			wait = max(wait, counted.ResetsAt.Sub(tx.Now()))
		}
	}
	return wait, nil
}

// count counts one more, and anew when the window is over.
func count(ctx context.Context, tx *authservice.Tx, l limit) (*ent.LoginThrottle, error) {
	ends := tx.Now().Add(triesWindow)
	err := tx.LoginThrottle.Create().SetID(l.id).SetTries(1).SetResetsAt(ends).
		OnConflictColumns(loginthrottle.FieldID).Update(func(u *ent.LoginThrottleUpsert) { u.AddTries(1) }).Exec(ctx)
	if err != nil {
		return nil, err
	}
	counted, err := tx.LoginThrottle.Get(ctx, l.id)
	if err != nil || counted.ResetsAt.After(tx.Now()) {
		return counted, err
	}
	return tx.LoginThrottle.UpdateOne(counted).SetTries(1).SetResetsAt(ends).Save(ctx)
}

// succeeded forgets the tries of an account, and takes back that of the
// address.
func succeeded(ctx context.Context, tx *authservice.Tx, name, address string) error {
	if _, err := tx.LoginThrottle.Delete().Where(loginthrottle.ID(accountLimit(name).id)).Exec(ctx); err != nil {
		return fmt.Errorf("forget the tries of a log-in: %w", err)
	}
	_, err := tx.LoginThrottle.Update().Where(loginthrottle.ID(addressLimit(address).id), loginthrottle.TriesGT(0)).AddTries(-1).Save(ctx)
	if err != nil {
		return fmt.Errorf("forget a try of a log-in: %w", err)
	}
	return nil
}
