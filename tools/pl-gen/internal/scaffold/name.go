package scaffold

import (
	"errors"
	"fmt"
	"go/token"
	"go/types"
	"regexp"
	"slices"
	"strings"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/entity"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
)

var (
	contextPattern = regexp.MustCompile(`^[a-z][a-z0-9]{1,39}$`)
	snakePattern   = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)
	camelPattern   = regexp.MustCompile(`^[A-Z][A-Za-z0-9]*$`)
	topicPattern   = regexp.MustCompile(`^pl\.[a-z][a-z0-9]*\.[a-z][a-z0-9_]*\.v[1-9][0-9]*$`)
)

// check returns everything that is wrong with the names.
func (s *spec) check() error {
	errs := []error{checkContext(s.context)}
	for _, e := range s.events {
		errs = append(errs, checkEvent(e))
	}
	for _, r := range s.rpcs {
		errs = append(errs, checkRPC(r))
	}
	for _, e := range s.entities {
		errs = append(errs, checkEntity(e))
	}
	for _, t := range s.consumes {
		errs = append(errs, checkTopic(t))
	}
	return errors.Join(append(errs, s.checkTwice()...)...)
}

// checkTwice finds names that would be declared twice.
func (s *spec) checkTwice() []error {
	var errs []error
	seen := map[string]string{title(s.context) + "Service": "the service"}
	claim := func(name, what string) {
		if first, ok := seen[name]; ok {
			errs = append(errs, fmt.Errorf("%s is both %s and %s; rename one", name, first, what))
		}
		seen[name] = what
	}
	for _, e := range s.entities {
		claim(e, "an entity")
	}
	for _, r := range s.rpcs {
		claim(r+"Request", "the request of "+r)
		claim(r+"Response", "the response of "+r)
	}
	for _, list := range [][]string{s.events, s.consumes} {
		for i, name := range list {
			if slices.Contains(list[:i], name) {
				errs = append(errs, fmt.Errorf("%s is given twice", name))
			}
		}
	}
	return errs
}

func checkContext(name string) error {
	switch {
	case !contextPattern.MatchString(name):
		return fmt.Errorf("%q cannot name a context: use 2 to 40 lower-case letters and digits, such as library", name)
	case token.IsKeyword(name), types.Universe.Lookup(name) != nil:
		return fmt.Errorf("%q cannot name a context: it is a word of Go", name)
	}
	return nil
}

func checkEvent(name string) error {
	if !snakePattern.MatchString(name) {
		return fmt.Errorf("%q cannot name an event: use snake case and the past tense, such as book_borrowed", name)
	}
	return nil
}

func checkRPC(name string) error {
	if !camelPattern.MatchString(name) {
		return fmt.Errorf("%q cannot name a call: use upper camel case, such as GetLoan", name)
	}
	return nil
}

func checkEntity(name string) error {
	if !camelPattern.MatchString(name) {
		return fmt.Errorf("%q cannot name an entity: use upper camel case, such as Loan", name)
	}
	if err := entity.CheckName(name); err != nil {
		return fmt.Errorf("%q cannot name an entity: %w", name, err)
	}
	return nil
}

func checkTopic(name string) error {
	if !topicPattern.MatchString(name) {
		return fmt.Errorf("%q is no topic: use pl.<context>.<event>.v<N>, such as pl.userprofile.user_registered.v1", name)
	}
	return nil
}

// knownTopics fails for topics that nobody publishes.
func knownTopics(m *model.Model, topics []string) error {
	var known []string
	for _, e := range m.Events {
		if e.Publisher != nil {
			known = append(known, e.Topic)
		}
	}
	var errs []error
	for _, t := range topics {
		if !slices.Contains(known, t) {
			errs = append(errs, fmt.Errorf("nobody publishes %s; there are %s", t, strings.Join(known, ", ")))
		}
	}
	return errors.Join(errs...)
}
