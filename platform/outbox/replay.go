package outbox

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/event"
)

// A ShardStatus is what waits in one shard of an outbox, and whose it is.
type ShardStatus struct {
	Shard       int
	Unpublished int64
	// Oldest is when the transaction of the oldest unpublished event was; zero
	// without one.
	Oldest time.Time
	// Holder is the relay that has the shard until LeasedUntil, and Epoch how
	// often it changed hands. Holder is empty when none ever had it.
	Holder      string
	Epoch       int64
	LeasedUntil time.Time
}

// Status returns the state of every shard of db's outbox.
func Status(ctx context.Context, db *database.DB) ([]ShardStatus, error) {
	shards := make([]ShardStatus, db.Traits().Shards)
	for i := range shards {
		shards[i].Shard = i
		if err := shards[i].read(ctx, db); err != nil {
			return nil, fmt.Errorf("read shard %d of the outbox: %w", i, err)
		}
	}
	return shards, nil
}

func (s *ShardStatus) read(ctx context.Context, db *database.DB) error {
	var first int64
	_, err := database.Scan(ctx, db.Reading(), `SELECT count(*), coalesce(min(seq), 0) FROM pl_outbox
		WHERE shard = $1 AND published_at IS NULL`, []any{s.Shard}, &s.Unpublished, &first)
	if err == nil && s.Unpublished > 0 {
		err = s.readOldest(ctx, db, first)
	}
	if err != nil {
		return err
	}
	_, err = database.Scan(ctx, db.Reading(), `SELECT holder, epoch, leased_until FROM pl_relay WHERE shard = $1`,
		[]any{s.Shard}, &s.Holder, &s.Epoch, &s.LeasedUntil)
	return err
}

// readOldest reads the time of the event with a sequence, which may have been
// published meanwhile. A copy of a record has its time alone in its attributes.
func (s *ShardStatus) readOldest(ctx context.Context, db *database.DB, seq int64) error {
	var attributes string
	_, err := database.Scan(ctx, db.Reading(), `SELECT attributes FROM pl_outbox WHERE shard = $1 AND seq = $2 AND published_at IS NULL`,
		[]any{s.Shard, seq}, &attributes)
	if err != nil {
		return err
	}
	var e event.Envelope
	err = parseAttributes(&e, attributes)
	s.Oldest = e.Time
	return err
}

// ErrInFuture means that a replay would reach events that are being published
// now.
var ErrInFuture = errors.New("the end of a replay is in the future")

// replayRows is how many events one transaction of a replay marks.
const replayRows = 1000

// A Replay chooses published events: those that were published at or after From
// and before To, of the topics, or of all when there are none. Copies of dead
// letters are topics like others.
type Replay struct {
	From, To time.Time
	Topics   []string
}

// Count returns how many events of each topic the replay chooses.
func (r Replay) Count(ctx context.Context, db *database.DB) (map[string]int64, error) {
	topics := map[string]int64{}
	where, args := r.where(db, 1)
	err := database.Each(ctx, db.Reading(), `SELECT topic, count(*) FROM pl_outbox WHERE `+where+` GROUP BY topic`, args,
		func(rows *sql.Rows) error {
			var topic string
			var n int64
			err := rows.Scan(&topic, &n)
			topics[topic] = n
			return err
		})
	if err != nil {
		return nil, fmt.Errorf("count events to replay: %w", err)
	}
	return topics, nil
}

func (r Replay) where(db *database.DB, first int) (string, []any) {
	where := fmt.Sprintf(`published_at >= $%d AND published_at < $%d`, first, first+1)
	args := []any{r.From.UTC(), r.To.UTC()}
	if len(r.Topics) == 0 {
		return where, args
	}
	among, more := db.Among(first+2, r.Topics)
	return where + ` AND topic ` + among, append(args, more...)
}

// Run marks the chosen events as not published, so that the relay publishes
// them again, in the order of their sequence and with their ids. audit runs in
// the first of its transactions. It returns how many events it has marked of
// each topic, also with an error; running it again goes on with the others.
//
// Events are marked from the oldest to the newest, because a relay may publish
// what is marked while the rest is not.
func (r Replay) Run(ctx context.Context, db *database.DB, audit func(u *database.Unit) error) (map[string]int64, error) {
	if r.To.After(database.Now()) {
		return nil, ErrInFuture
	}
	run := replaying{Replay: r, db: db, marked: map[string]int64{}}
	for more := true; more; audit = nil {
		err := db.InTx(ctx, func(u *database.Unit) (err error) {
			if audit != nil {
				if err := audit(u); err != nil {
					return err
				}
			}
			more, err = run.mark(ctx, u)
			return err
		})
		if err != nil {
			return run.marked, fmt.Errorf("mark events for a replay: %w", err)
		}
		run.committed()
	}
	db.Ring()
	return run.marked, nil
}

// A replaying is a replay on its way through the outbox.
type replaying struct {
	Replay
	db     *database.DB
	last   place // of the last event that was marked
	marked map[string]int64
	batch  []replayRow // of the transaction
}

type replayRow struct {
	place
	topic string
}

// mark marks the next events in the transaction u and reports whether there may
// be more.
func (r *replaying) mark(ctx context.Context, u *database.Unit) (more bool, err error) {
	r.batch = r.batch[:0]
	where, args := r.where(r.db, 3)
	query := fmt.Sprintf(`SELECT day, seq, topic FROM pl_outbox WHERE (day, seq) > ($1, $2) AND %s ORDER BY day, seq LIMIT %d`, where, replayRows)
	err = database.Each(ctx, u, query, append([]any{int64(r.last.day), r.last.seq}, args...), func(rows *sql.Rows) error {
		var row replayRow
		err := rows.Scan(&row.day, &row.seq, &row.topic)
		r.batch = append(r.batch, row)
		return err
	})
	for rest := r.batch; err == nil && len(rest) > 0; {
		n := stretch(rest)
		err = r.markStretch(ctx, u, rest[:n])
		rest = rest[n:]
	}
	return len(r.batch) == replayRows, err
}

// markStretch marks events that are near to each other.
func (r *replaying) markStretch(ctx context.Context, u *database.Unit, rows []replayRow) error {
	seqs := make([]int64, len(rows))
	for i := range rows {
		seqs[i] = rows[i].seq
	}
	among, args := r.db.Among(4, seqs)
	_, err := u.ExecContext(ctx, `UPDATE pl_outbox SET published_at = NULL WHERE day = $1 AND seq BETWEEN $2 AND $3 AND seq `+among,
		append([]any{int64(rows[0].day), seqs[0], seqs[len(seqs)-1]}, args...)...)
	return err
}

func (r *replaying) committed() {
	for _, row := range r.batch {
		r.marked[row.topic]++
		r.last = row.place
	}
}
