package operate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pulselearn/campus-hub/platform/admin"
)

// A Question is why a handler is not called: for anything, for an event or for
// a key.
type Question struct {
	conn                 connection
	consumer, event, key string
}

// Flags adds the question's flags to a command.
func (q *Question) Flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&q.consumer, "consumer", "", "say why this consumer's handler is not called: achievement.OnQuizCompleted")
	flags.StringVar(&q.event, "event", "", "with --consumer: for the event with this id")
	flags.StringVar(&q.key, "key", "", "with --consumer: for events with this key")
	q.conn.flags(cmd)
}

// Asked reports whether there is a question.
func (q *Question) Asked() bool { return q.consumer != "" || q.event != "" || q.key != "" }

// A reason is one thing that was looked at, in the order in which an event goes.
type reason struct {
	// Bad says that this keeps the handler from being called.
	Bad   bool   `json:"bad"`
	Found string `json:"found"`
	// Next is the command to type next, or what to do.
	Next string `json:"next,omitempty"`
}

// Answer prints why the handler is not called. It returns ErrFindings when
// something keeps it.
func (env Env) Answer(ctx context.Context, q *Question) error {
	if q.consumer == "" {
		return usage("--event and --key need --consumer")
	}
	if q.event != "" && q.key != "" {
		return usage("give --event or --key, not both")
	}
	if err := q.conn.check(); err != nil {
		return err
	}
	reasons, err := q.investigate(ctx)
	if err != nil {
		return err
	}
	if err := env.emit(&q.conn, reasons, func(w io.Writer) error { return printReasons(w, reasons) }); err != nil {
		return err
	}
	for _, r := range reasons {
		if r.Bad {
			return ErrFindings
		}
	}
	return nil
}

func printReasons(w io.Writer, reasons []reason) error {
	for _, r := range reasons {
		mark := "ok  "
		if r.Bad {
			mark = "bad "
		}
		fmt.Fprintf(w, "%s %s\n", mark, r.Found)
		if r.Next != "" {
			fmt.Fprintf(w, "     next: %s\n", r.Next)
		}
	}
	return nil
}

// facts are what the processes say about a question.
type facts struct {
	consumer admin.Consumer
	notReady map[string]string
	// producer is nil when no process at hand serves it.
	producer *admin.Outbox
	event    *admin.OutboxEvent
	applied  bool
	letters  []admin.Letter // with the event or the key
}

// investigate asks the processes. One that does not answer is an answer too.
func (q *Question) investigate(ctx context.Context) ([]reason, error) {
	f, err := q.conn.reach(ctx)
	var refused *admin.Error
	var wrong UsageError
	switch {
	case errors.As(err, &refused), errors.As(err, &wrong):
		return nil, err
	case err != nil:
		return []reason{{true, "no process answers: " + err.Error(), "start it, or name its admin API with --admin; its setting PL_ADMIN_ADDR says where that is"}}, nil
	}
	client, err := f.ofConsumer(q.consumer)
	if errors.As(err, &wrong) {
		return nil, err
	}
	if err != nil {
		return []reason{{true, err.Error(), ""}}, nil
	}
	facts, err := q.gather(ctx, f, client)
	if errors.As(err, &refused) && refused.Status != http.StatusBadRequest {
		return []reason{{true, refused.Message, refused.Fix}}, nil
	}
	if err != nil {
		return nil, err
	}
	return q.reasons(facts), nil
}

func (q *Question) gather(ctx context.Context, f *fleet, client *admin.Client) (*facts, error) {
	service, err := client.Service(ctx)
	if err != nil {
		return nil, err
	}
	name, _, _ := strings.Cut(q.consumer, ".")
	consumers, err := client.Consumers(ctx, name, q.consumer)
	if err != nil {
		return nil, err
	}
	known := &facts{consumer: consumers[0], notReady: service.NotReady}
	if err := known.askProducer(ctx, q, f); err != nil {
		return nil, err
	}
	return known, known.askConsumer(ctx, q, name, client)
}

func (k *facts) askProducer(ctx context.Context, q *Question, f *fleet) error {
	producer := f.members[k.consumer.Producer]
	if producer == nil {
		return nil
	}
	box, err := producer.Outbox(ctx, k.consumer.Producer)
	if err != nil || q.event == "" {
		k.producer = &box
		return err
	}
	e, err := producer.Event(ctx, k.consumer.Producer, q.event, "", "")
	k.producer, k.event = &box, e.Outbox
	return err
}

func (k *facts) askConsumer(ctx context.Context, q *Question, name string, client *admin.Client) (err error) {
	if q.event != "" {
		source, same := "", ""
		if k.event != nil {
			source, same = k.event.Source, k.event.SameAs
		}
		e, err := client.Event(ctx, name, q.event, source, same)
		if err != nil {
			return err
		}
		for _, consumer := range e.Applied {
			k.applied = k.applied || consumer == q.consumer
		}
		k.take(q.consumer, e.Letters)
	}
	key := q.key
	if k.event != nil && len(k.letters) == 0 {
		key = k.event.Key
	}
	if key != "" {
		list, err := client.Letters(ctx, admin.Filter{Consumer: q.consumer, Key: key}, 10)
		k.take(q.consumer, list)
		return err
	}
	return nil
}

func (k *facts) take(consumer string, list []admin.Letter) {
	for _, l := range list {
		if l.Consumer == consumer {
			k.letters = append(k.letters, l)
		}
	}
}

// reasons is the decision list, in the order in which an event goes.
func (q *Question) reasons(k *facts) []reason {
	var list []reason
	add := func(found ...reason) { list = append(list, found...) }
	add(q.published(k)...)
	add(q.process(k)...)
	add(q.positions(k)...)
	add(q.held(k)...)
	if k.applied {
		add(reason{true, "the event was applied by " + q.consumer + ": its handler has run, or has run for the same fact in another version of the event", "nothing has to be done; a handler is called once an event"})
	}
	return list
}

// published looks at the producer's side.
func (q *Question) published(k *facts) []reason {
	c := &k.consumer
	switch {
	case k.producer == nil:
		return []reason{{false, "whether context " + c.Producer + " has published it is not known: no process at --admin serves it", "name the admin API of " + c.Producer + " too"}}
	case q.event != "" && k.event == nil:
		return []reason{{true, fmt.Sprintf("context %s has no event %s in its outbox, which keeps events for seven days", c.Producer, q.event),
			"look for the command that should have published it: did it fail?"}}
	case k.event != nil && k.event.Topic != c.Topic:
		return []reason{{true, fmt.Sprintf("the event is in topic %s, and %s reads %s", k.event.Topic, c.Consumer, c.Topic), ""}}
	case k.event != nil && k.event.PublishedAt.IsZero():
		return []reason{{true, "the event is still in the outbox of " + c.Producer + ": the broker does not have it", "pl-gen outbox status --context " + c.Producer}}
	case k.event != nil:
		return []reason{{false, "the event was published at " + stamp(k.event.PublishedAt) + ", with the key " + k.event.Key, ""}}
	case k.producer.Unpublished > 0:
		return []reason{{time.Since(k.producer.Oldest) > time.Minute, fmt.Sprintf("%s of context %s wait to be published, the oldest since %s",
			events(k.producer.Unpublished), c.Producer, stamp(k.producer.Oldest)), "pl-gen outbox status --context " + c.Producer}}
	}
	return []reason{{false, "everything that context " + c.Producer + " has written is published", ""}}
}

// process looks at the consumer's process.
func (q *Question) process(k *facts) []reason {
	var list []reason
	for name, why := range k.notReady {
		list = append(list, reason{true, "the process is not ready: " + name + ": " + why, "its log says more; GET /readyz does too"})
	}
	if k.consumer.Unready != "" && len(list) == 0 {
		list = append(list, reason{true, "the consumer is not at work in the process asked: " + k.consumer.Unready, "its log says more"})
	}
	if len(list) == 0 {
		list = append(list, reason{false, "the process is ready", ""})
	}
	return list
}

// positions looks at where the consumer is in its topic.
func (q *Question) positions(k *facts) []reason {
	var list []reason
	lag, end, known := int64(0), int64(0), true
	fresh := 0
	for _, p := range k.consumer.Partitions {
		if p.Paused != "" {
			list = append(list, reason{true, fmt.Sprintf("partition %d takes no new records: %s", p.Partition, p.Paused), "pl-gen dlq list --consumer " + q.consumer})
		}
		if p.Next < 0 {
			fresh++
		}
		lag, end, known = lag+max(p.Lag, 0), end+max(p.End, 0), known && p.End >= 0
	}
	switch {
	case len(k.consumer.Partitions) == 0:
		list = append(list, reason{true, "no partition of the topic was ever assigned to the consumer", "is a process of the context running, and has it joined the group? pl-gen consumer show " + q.consumer})
	case fresh > 0 && k.consumer.Start == "LATEST":
		list = append(list, reason{true, fmt.Sprintf("the consumer has no position in %d partitions and begins at LATEST: what was published before is not for it", fresh),
			"pl-gen consumer reset " + q.consumer + " --to earliest, if it is to have that too"})
	case !known:
		list = append(list, reason{false, "the broker does not say how far the topic goes", ""})
	case end == 0:
		list = append(list, reason{true, "topic " + k.consumer.Topic + " is empty: nothing was ever published to it", "pl-gen outbox status --context " + k.consumer.Producer})
	case lag > 0:
		list = append(list, reason{true, fmt.Sprintf("the consumer is behind by %d offsets, and comes to them", lag), "pl-gen consumer show " + q.consumer + "; does the lag fall?"})
	default:
		list = append(list, reason{false, "the consumer is at the end of its topic", ""})
	}
	return list
}

// held looks at the letters.
func (q *Question) held(k *facts) []reason {
	if q.event == "" && q.key == "" {
		return q.blocked(k)
	}
	if len(k.letters) == 0 {
		return []reason{{false, "nothing is held of that", ""}}
	}
	first := k.letters[0]
	what := "the event"
	if first.EventID != q.event {
		what = "an earlier event of the key"
	}
	found := fmt.Sprintf("%s is %s since %s: %s", what, first.State, stamp(first.HeldAt), line(waitsBehind(first.Cause), 200))
	next := "pl-gen dlq show " + first.ID
	if first.State == admin.Held && !first.NextAt.IsZero() {
		found += "; the next attempt is at " + stamp(first.NextAt)
	}
	if len(k.letters) > 1 {
		found += fmt.Sprintf(" (%d or more letters of the key)", len(k.letters))
	}
	return []reason{{true, found, next}}
}

func (q *Question) blocked(k *facts) []reason {
	var keys int64
	var oldest admin.Position
	for _, p := range k.consumer.Partitions {
		if keys += p.BlockedKeys; p.BlockedKeys > 0 && (oldest.OldestLetter == "" || p.OldestBlocked.Before(oldest.OldestBlocked)) {
			oldest = p
		}
	}
	if keys == 0 {
		return []reason{{false, "no key is blocked", ""}}
	}
	return []reason{{true, fmt.Sprintf("%s, the longest since %s behind %s", count(keys, "key waits", "keys wait"), stamp(oldest.OldestBlocked), oldest.OldestLetter),
		"pl-gen dlq show " + oldest.OldestLetter}}
}
