package service

import (
	"errors"
	"fmt"
	"slices"

	"github.com/pulselearn/campus-hub/platform/identity"
	"github.com/pulselearn/campus-hub/platform/rpc"
)

// OIDC is the OpenID provider whose access tokens people show. Empty fields
// mean the defaults of [identity.Issuer].
type OIDC struct {
	// Issuer is its URL, as its tokens name it. Empty means the provider that
	// the process serves itself.
	Issuer string
	// Audience is who the tokens are for, and RolesClaim where they have roles.
	Audience, RolesClaim string
}

// checkIdentity fails when the process could not say, or not find out, who
// makes a call.
func (c *Config) checkIdentity(app *App) error {
	var errs []error
	if c.HTTPAddr != "" && c.OIDC.Issuer == "" && !app.hasProvider() {
		errs = append(errs, errors.New("PL_OIDC_ISSUER: needed, because nobody could prove here who they are: give the URL of the OpenID provider that people log in with, for example that of the process which serves the context auth"))
	}
	if c.ServiceSecret != "" && len(c.ServiceSecret) < identity.MinSecret {
		errs = append(errs, fmt.Errorf("PL_SERVICE_SECRET: has %d bytes and needs at least %d; openssl rand -base64 32 makes one", len(c.ServiceSecret), identity.MinSecret))
	}
	if away := app.calledAway(); c.ServiceSecret == "" && len(away) > 0 && len(c.Calls) > 0 {
		errs = append(errs, fmt.Errorf("PL_SERVICE_SECRET: needed, because %s is called in another process: set the same secret in all processes", away[0]))
	}
	return errors.Join(errs...)
}

// calledAway returns the contexts that those of the app call and that the app
// does not have.
func (a *App) calledAway() []string {
	var away []string
	for i := range a.definitions {
		for _, name := range a.definitions[i].Calls {
			if !a.has(name) && !slices.Contains(away, name) {
				away = append(away, name)
			}
		}
	}
	return away
}

// reflection lets everybody ask what calls there are; the contracts are no
// secret.
var reflection = rpc.Access{
	"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo":      {{Public: true}},
	"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": {{Public: true}},
}

// hasProvider reports whether a context of the app is an OpenID provider.
func (a *App) hasProvider() bool {
	return slices.ContainsFunc(a.definitions, func(d Definition) bool {
		return d.HTTP != nil && slices.Contains(d.HTTP.Paths, "/.well-known/openid-configuration")
	})
}

// issuer returns whose access tokens are taken. The keys of the process's own
// provider are fetched without a network.
func (p *Process) issuer() identity.Issuer {
	i := identity.Issuer{URL: p.cfg.OIDC.Issuer, Audience: p.cfg.OIDC.Audience, RolesClaim: p.cfg.OIDC.RolesClaim}
	if p.app.hasProvider() && (i.URL == "" || i.URL == p.cfg.PublicURL) {
		i.URL, i.Client = p.cfg.PublicURL, identity.Local(&p.gate)
	}
	return i
}

// startIdentity prepares to find out who makes each call.
func (p *Process) startIdentity() error {
	if issuer := p.issuer(); issuer.URL != "" {
		p.people = identity.NewVerifier(issuer)
	}
	if p.cfg.ServiceSecret != "" {
		var err error
		if p.services, err = identity.NewServices(p.cfg.ServiceSecret); err != nil {
			return fmt.Errorf("PL_SERVICE_SECRET: %w", err)
		}
	}
	p.authorizer = rpc.NewAuthorizer(p.people, p.services, p.log, p.telemetry.Calls().CallRefused)
	p.authorizer.Add("", reflection)
	return nil
}
