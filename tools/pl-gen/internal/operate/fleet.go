package operate

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/pulselearn/campus-hub/platform/admin"
)

// A fleet is the processes that a command speaks to, one for each context.
type fleet struct{ members map[string]*admin.Client }

// reach asks every process what it serves. Of several that serve one context
// the first is used: they share a database.
func (c *connection) reach(ctx context.Context) (*fleet, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	f := &fleet{members: map[string]*admin.Client{}}
	for _, url := range c.urls {
		client, err := admin.NewClient(url, os.Getenv("PL_ADMIN_TOKEN"), c.actor)
		if err != nil {
			return nil, usage("--admin: %w", err)
		}
		service, err := client.Service(ctx)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", url, err)
		}
		for _, name := range service.Contexts {
			if f.members[name] == nil {
				f.members[name] = client
			}
		}
	}
	return f, nil
}

func (f *fleet) contexts() []string { return slices.Sorted(maps.Keys(f.members)) }

// of returns the process that serves a context.
func (f *fleet) of(name string) (*admin.Client, error) {
	if c := f.members[name]; c != nil {
		return c, nil
	}
	return nil, fmt.Errorf("no process at --admin serves context %q, only %s; name the admin API of one that does",
		name, strings.Join(f.contexts(), ", "))
}

// ofConsumer returns the process that serves a consumer, <context>.<handler>.
func (f *fleet) ofConsumer(consumer string) (*admin.Client, error) {
	name, _, ok := strings.Cut(consumer, ".")
	if !ok {
		return nil, usage("%q is not a consumer's name such as achievement.OnQuizCompleted", consumer)
	}
	return f.of(name)
}

// ofLetter returns the process that has the letter with an id.
func (f *fleet) ofLetter(id string) (*admin.Client, error) {
	if strings.Count(id, "/") != 3 {
		return nil, usage("%q is not the id of a letter such as achievement.OnQuizCompleted/pl.quiz.quiz_completed.v1/3/42; \"pl-gen dlq list --rows\" prints ids", id)
	}
	return f.ofConsumer(id)
}

// chosen returns the contexts that a filter asks about.
func (f *fleet) chosen(filter admin.Filter) ([]string, error) {
	name := filter.Context
	if name == "" && filter.Consumer != "" {
		name, _, _ = strings.Cut(filter.Consumer, ".")
	}
	if name == "" {
		return f.contexts(), nil
	}
	_, err := f.of(name)
	return []string{name}, err
}

// each calls do for every context that a filter asks about, with the filter
// narrowed to it.
func (f *fleet) each(filter admin.Filter, do func(c *admin.Client, filter admin.Filter) error) error {
	names, err := f.chosen(filter)
	if err != nil {
		return err
	}
	for _, name := range names {
		filter.Context = name
		if err := do(f.members[name], filter); err != nil {
			return err
		}
	}
	return nil
}
