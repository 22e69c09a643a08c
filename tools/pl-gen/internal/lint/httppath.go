package lint

import (
	"fmt"
	"path"
	"regexp"
	"strings"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
)

// processPaths are what every process serves itself, and what the calls of
// contexts are served under.
var processPaths = []string{
	"/api/", "/graphql", "/realtime", "/openapi.json", "/healthz", "/readyz", "/metrics", "/assets/", "/index.html",
}

// plainPath is a path without anything to escape, fill in or resolve.
var plainPath = regexp.MustCompile(`^(/[A-Za-z0-9][A-Za-z0-9._~-]*|/\.well-known)+/?$`)

// httpPaths checks the paths that contexts serve over plain HTTP.
func (c *checker) httpPaths() {
	var taken []claim
	for _, ctx := range c.model.Contexts {
		for _, p := range ctx.HTTP {
			if c.httpPath(ctx, p, taken) {
				taken = append(taken, claim{ctx.Name, p.Path})
			}
		}
	}
}

// A claim is a path and the context that serves it.
type claim struct{ context, path string }

func (c *checker) httpPath(ctx *model.Context, p model.HTTPPath, taken []claim) bool {
	if !plainPath.MatchString(p.Path) || path.Clean(p.Path) != strings.TrimSuffix(p.Path, "/") {
		c.badPath(p, fmt.Sprintf("%q is no path that %s can serve", p.Path, ctx.Name),
			"a path begins with a slash and has segments of letters, digits and ._~-, nothing to fill in",
			`write one exact path, or "/oauth/" for everything below it`)
		return false
	}
	if strings.HasPrefix(p.Path, "/pl.") || strings.HasPrefix(p.Path, "/grpc.") {
		c.badPath(p, fmt.Sprintf("%s cannot serve %s, where calls are served", ctx.Name, p.Path),
			"the procedures of all contexts begin with /pl. and those of gRPC with /grpc.", "choose another first segment")
		return false
	}
	for _, own := range processPaths {
		if overlap(own, p.Path) {
			c.badPath(p, fmt.Sprintf("%s cannot serve %s, because every process serves %s itself", ctx.Name, p.Path, own),
				"a request leads to one handler", "choose another first segment")
			return false
		}
	}
	for _, other := range taken {
		if overlap(other.path, p.Path) {
			c.badPath(p, fmt.Sprintf("%s and %s both serve %s", other.context, ctx.Name, p.Path),
				fmt.Sprintf("%s is taken, and a request leads to one handler", other.path), "choose another path")
			return false
		}
	}
	return true
}

func (c *checker) badPath(p model.HTTPPath, message, cause, fix string) {
	c.report(diag.New(diag.HTTPPath, p.Pos, message).Because(cause, fix))
}

// overlap tells whether a request can be for both paths.
func overlap(a, b string) bool { return covers(a, b) || covers(b, a) }

func covers(a, b string) bool {
	return a == b || strings.HasSuffix(a, "/") && (strings.HasPrefix(b, a) || b == strings.TrimSuffix(a, "/"))
}
