package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/pulselearn/campus-hub/internal/token"
)

// passwordVariable holds the password when --password does not, so that it is
// not in the list of processes.
const passwordVariable = "PL_PASSWORD"

// loginWithin is how long a log-in may take.
const loginWithin = 30 * time.Second

// seeded are the accounts of the embedded default, and their password.
var (
	seeded         = []string{"ada", "ben", "tess", "root"}
	seededPassword = "pulselearn"
)

func (a *app) token() *cobra.Command {
	r := token.Request{}
	asJSON := false
	cmd := &cobra.Command{
		Use:   "token --user NAME",
		Short: "Log in and print an access token, for curl",
		Long: `token logs in as a browser would (authorization code with PKCE, over HTTP) and
prints an access token, which is good for ten minutes.

The password is that of --password or of PL_PASSWORD. The accounts of the
embedded default (ada and ben are students, tess is a teacher, root an
administrator) need none.`,
		Example: "  curl -H \"Authorization: Bearer $(pl-gen token --user ada)\" …\n  pl-gen token --user root --json\n  PL_PASSWORD=… pl-gen token --user grace@example.org --issuer https://campus.example.org",
		Args:    arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := fillPassword(&r); err != nil {
				return err
			}
			return a.printToken(cmd.Context(), r, asJSON)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&r.User, "user", "", "who logs in: a user name or an e-mail address")
	flags.StringVar(&r.Password, "password", "", "the password (default: $"+passwordVariable+")")
	flags.StringVar(&r.Issuer, "issuer", "http://localhost:8080", "the provider, PL_PUBLIC_URL of the process that serves auth")
	flags.StringVar(&r.Client, "client", "cli", "the application that the token is for; it may be sent to http://127.0.0.1/callback")
	flags.StringSliceVar(&r.Scopes, "scope", []string{"openid", "profile", "email", "offline_access"}, "what the token is for")
	flags.BoolVar(&asJSON, "json", false, "print all that the provider answered")
	return cmd
}

func fillPassword(r *token.Request) error {
	if r.User == "" {
		return usageError{errors.New("--user is needed: who logs in? In the embedded default ada, ben, tess or root")}
	}
	if r.Password == "" {
		r.Password = os.Getenv(passwordVariable)
	}
	if r.Password == "" && slices.Contains(seeded, r.User) {
		r.Password = seededPassword
	}
	if r.Password == "" {
		return usageError{fmt.Errorf("the password of %s is needed: set %s, or give --password", r.User, passwordVariable)}
	}
	return nil
}

func (a *app) printToken(ctx context.Context, r token.Request, asJSON bool) error {
	ctx, cancel := context.WithTimeout(ctx, loginWithin)
	defer cancel()
	response, err := token.Get(ctx, r)
	if err != nil {
		return err
	}
	if !asJSON {
		_, err = fmt.Fprintln(a.stdout, response.AccessToken)
		return err
	}
	encoder := json.NewEncoder(a.stdout)
	encoder.SetIndent("", "  ")
	return encoder.Encode(response)
}
