//go:build linux

package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jwt"

	"encoding/json"

	"github.com/pulselearn/campus-hub/platform/identity"
)

const keyID = "load"

// An issuer is an OpenID provider, as far as gateways look at it.
type issuer struct {
	url string
	key *ecdsa.PrivateKey
}

func newIssuer() (*issuer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	i := &issuer{url: "http://" + l.Addr().String(), key: key}
	keys, err := i.published()
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, i.url, i.url+"/keys")
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(keys) })
	go func() { _ = http.Serve(l, mux) }() // until the process ends
	return i, nil
}

func (i *issuer) published() ([]byte, error) {
	public, err := jwk.Import(i.key.Public())
	if err != nil {
		return nil, err
	}
	for name, value := range map[string]any{jwk.KeyIDKey: keyID, jwk.AlgorithmKey: jwa.ES256(), jwk.KeyUsageKey: "sig"} {
		if err := public.Set(name, value); err != nil {
			return nil, err
		}
	}
	set := jwk.NewSet()
	if err := set.AddKey(public); err != nil {
		return nil, err
	}
	return json.Marshal(set)
}

// secret is the key for other processes of the run.
func (i *issuer) secret() (string, error) {
	der, err := x509.MarshalECPrivateKey(i.key)
	return base64.StdEncoding.EncodeToString(der), err
}

// A mint makes the tokens of one listener.
type mint struct {
	url string
	key jwk.Key
}

func newMint(url, secret string) (*mint, error) {
	der, err := base64.StdEncoding.DecodeString(secret)
	if err != nil {
		return nil, err
	}
	private, err := x509.ParseECPrivateKey(der)
	if err != nil {
		return nil, err
	}
	key, err := jwk.Import(private)
	if err != nil {
		return nil, err
	}
	return &mint{url, key}, key.Set(jwk.KeyIDKey, keyID)
}

// token is that of an admin, who may listen to every course without a check
// by another context.
func (m *mint) token(person string) (string, error) {
	now := time.Now()
	t, err := jwt.NewBuilder().Issuer(m.url).Audience([]string{identity.DefaultAudience}).Subject(person).
		IssuedAt(now).Expiration(now.Add(time.Hour)).Claim(identity.DefaultRolesClaim, []string{identity.Admin}).Build()
	if err != nil {
		return "", err
	}
	signed, err := jwt.Sign(t, jwt.WithKey(jwa.ES256(), m.key))
	return string(signed), err
}
