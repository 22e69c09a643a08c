//go:build pins

// This file keeps dependencies in go.mod whose first users are being written.
package campushub

import (
	_ "github.com/HdrHistogram/hdrhistogram-go"
	_ "github.com/gobwas/ws"
	_ "github.com/lestrrat-go/jwx/v3/jwk"
	_ "github.com/lestrrat-go/jwx/v3/jwt"
	_ "github.com/lxzan/gws"
	_ "github.com/zitadel/oidc/v3/pkg/client/rp"
	_ "github.com/zitadel/oidc/v3/pkg/op"
	_ "golang.org/x/crypto/argon2"
	_ "golang.org/x/time/rate"
	_ "golang.org/x/sys/unix"
	_ "golang.org/x/net/html"
)
