// Package operate holds the commands for the person on call: dlq, consumer,
// outbox and saga. They are clients of the admin API that every process
// serves; none of them opens a service's database or speaks to its broker.
package operate

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pulselearn/campus-hub/platform/admin"
)

// An Env is what the commands get from the command line that they belong to.
type Env struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// Terminal says that a person sits at both Stdin and Stderr.
	Terminal bool
}

// A UsageError is a command line that makes no sense.
type UsageError struct{ Err error }

// Error returns the text of the error inside.
func (e UsageError) Error() string { return e.Err.Error() }

// Unwrap returns the error inside.
func (e UsageError) Unwrap() error { return e.Err }

func usage(format string, args ...any) error { return UsageError{fmt.Errorf(format, args...)} }

// ErrFindings ends a command that has said on stdout what is not as it should
// be.
var ErrFindings = errors.New("not everything is as it should be")

// Commands returns the commands.
func Commands(env Env) []*cobra.Command {
	return []*cobra.Command{env.dlq(), env.consumer(), env.outbox(), env.saga()}
}

// group returns a command that has others below it.
func group(use, short, long string, commands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short, Long: long,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("there is no command %q", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(commands...)
	return cmd
}

// A connection is how a command reaches the processes.
type connection struct {
	urls   []string
	actor  string
	format string
}

// connectionHelp is the part of every command's help on how it connects.
const connectionHelp = `

Processes are reached at --admin or PL_ADMIN_URL, one URL a context or one of
the hub; the default is ` + admin.DefaultURL + `. PL_ADMIN_TOKEN is the token that a
process asks for when it listens beyond its own machine.`

func (c *connection) flags(cmd *cobra.Command) {
	cmd.Long += connectionHelp
	flags := cmd.Flags()
	flags.StringSliceVar(&c.urls, "admin", nil, "URLs of the processes' admin APIs (default: $PL_ADMIN_URL)")
	flags.StringVar(&c.actor, "actor", "", "who asks, for the audit (default: $PL_ACTOR, or who is logged in)")
	flags.StringVar(&c.format, "format", "text", "how to print the result: text or json")
}

func (c *connection) check() error {
	if c.format != "text" && c.format != "json" {
		return usage("--format %q is neither text nor json", c.format)
	}
	if len(c.urls) == 0 {
		c.urls = strings.FieldsFunc(os.Getenv("PL_ADMIN_URL"), func(r rune) bool { return r == ',' || r == ' ' })
	}
	if len(c.urls) == 0 {
		c.urls = []string{admin.DefaultURL}
	}
	if c.actor == "" {
		c.actor = os.Getenv("PL_ACTOR")
	}
	if c.actor == "" {
		c.actor = loggedIn()
	}
	return nil
}

func (c *connection) json() bool { return c.format == "json" }

func loggedIn() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	u, err := user.Current()
	if err != nil {
		return host
	}
	return u.Username + "@" + host
}

// moment reads a point in time: RFC 3339, or a duration before now.
func moment(flag, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return now.Add(-d).UTC(), nil
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, usage("--%s %q is neither a time such as 2026-11-23T03:00:00Z nor a duration such as 2h", flag, text)
}

// arguments turns cobra's check of arguments into a usage error.
func arguments(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return UsageError{err}
		}
		return nil
	}
}
