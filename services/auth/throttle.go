package auth

import (
	"context"
	"fmt"
	"time"

	ent "github.com/pulselearn/campus-hub/gen/ent/auth"
	"github.com/pulselearn/campus-hub/gen/ent/auth/loginthrottle"
	authservice "github.com/pulselearn/campus-hub/gen/service/auth"
)

// How many log-ins may be tried in a window, for one account and from one
// address. Whole campuses have one address.
const (
	triesWindow  = 15 * time.Minute
	accountTries = 10
	addressTries = 300
)

// A limit is the tries that one account or address has.
type limit struct {
	id   string
	most int64
}

func accountLimit(name string) limit { return limit{stableID("account " + name), accountTries} }

func addressLimit(address string) limit { return limit{stableID("address " + address), addressTries} }

// try counts a try before its password is looked at, so that many at once are
// not too many. It returns how long to wait when there were too many already.
func try(ctx context.Context, tx *authservice.Tx, limits ...limit) (wait time.Duration, err error) {
	for _, l := range limits {
		found, err := tx.LoginThrottle.Query().Where(loginthrottle.ID(l.id)).Only(ctx)
		if err := ignoreNotFound(err); err != nil {
			return 0, fmt.Errorf("find the tries of a log-in: %w", err)
		}
		switch {
		case found == nil || !found.ResetsAt.After(tx.Now()):
			err = count(ctx, tx, l)
		case found.Tries >= l.most:
			wait = max(wait, found.ResetsAt.Sub(tx.Now()))
			continue
		default:
			err = tx.LoginThrottle.UpdateOneID(l.id).AddTries(1).Exec(ctx)
		}
		if err != nil {
			return 0, fmt.Errorf("count the tries of a log-in: %w", err)
		}
	}
	return wait, nil
}

// count begins to count anew.
func count(ctx context.Context, tx *authservice.Tx, l limit) error {
	return tx.LoginThrottle.Create().SetID(l.id).SetTries(1).SetResetsAt(tx.Now().Add(triesWindow)).
		OnConflictColumns(loginthrottle.FieldID).Update(func(u *ent.LoginThrottleUpsert) {
		u.UpdateTries().UpdateResetsAt()
	}).Exec(ctx)
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
