package identity_test

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws"

	"github.com/pulselearn/campus-hub/platform/identity"
	"github.com/pulselearn/campus-hub/platform/identity/identitytest"
)

func verifierOf(i *identitytest.Issuer) *identity.Verifier {
	return identity.NewVerifier(identity.Issuer{URL: i.URL})
}

func TestVerifyTellsWhoTheTokenIsOf(t *testing.T) {
	t.Parallel()
	i := identitytest.New(t)
	claims := i.Claims("ada", identity.Student)
	claims["scope"], claims["sid"], claims["aud"] = "openid quizzes", "s-1", []string{"other", identity.DefaultAudience}
	token := sign(t, i, claims)
	c, err := verifierOf(i).Verify(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	if c.Subject != "ada" || c.Name() != "user:ada" || !c.Has(identity.Student) || c.Has(identity.Admin) || c.Session != "s-1" ||
		!slices.Equal(c.Scopes, []string{"openid", "quizzes"}) || c.Token != token || time.Until(c.Expires) < time.Minute {
		t.Errorf("got %+v", c)
	}
}

func TestRolesAreWhereTheProviderHasThem(t *testing.T) {
	t.Parallel()
	i := identitytest.New(t)
	for path, claims := range map[string]map[string]any{
		"roles":                         {"roles": []string{"teacher"}},
		"realm_access.roles":            {"realm_access": map[string]any{"roles": []string{"teacher"}}},
		"https://campus.example/roles":  {"https://campus.example/roles": "teacher"},
		"resource_access.campus.groups": {"resource_access": map[string]any{"campus": map[string]any{"groups": []string{"x", "teacher"}}}},
	} {
		all := i.Claims("tess")
		delete(all, "roles")
		for name, value := range claims {
			all[name] = value
		}
		v := identity.NewVerifier(identity.Issuer{URL: i.URL, RolesClaim: path})
		if c, err := v.Verify(t.Context(), sign(t, i, all)); err != nil || !c.Has(identity.Teacher) {
			t.Errorf("%s: %+v, %v", path, c.Roles, err)
		}
		for name := range claims {
			all[name] = 7 // which names no role
		}
		if c, err := v.Verify(t.Context(), sign(t, i, all)); err != nil || c.Has(identity.Teacher) {
			t.Errorf("%s of another kind: %+v, %v", path, c.Roles, err)
		}
	}
}

// hostile are tokens that prove nothing, by what is wrong with each, and what
// the refusal says.
var hostile = map[string]struct {
	make func(t *testing.T, i *identitytest.Issuer) string
	says string
}{
	"no token":         {func(*testing.T, *identitytest.Issuer) string { return "" }, "parts"},
	"not a token":      {func(*testing.T, *identitytest.Issuer) string { return "a.b" }, "parts"},
	"not base64":       {func(*testing.T, *identitytest.Issuer) string { return "{}.{}.x" }, "base64url"},
	"header no object": {func(*testing.T, *identitytest.Issuer) string { return part("[]") + ".e30.x" }, "no JSON object"},
	"alg none": {func(t *testing.T, i *identitytest.Issuer) string {
		return unsigned(t, `{"alg":"none","kid":"`+i.KeyID+`"}`, i.Claims("ada", identity.Admin))
	}, "another algorithm"},
	"alg None": {func(t *testing.T, i *identitytest.Issuer) string {
		return unsigned(t, `{"alg":"None","kid":"`+i.KeyID+`"}`, i.Claims("ada", identity.Admin))
	}, "another algorithm"},
	"alg missing": {func(t *testing.T, i *identitytest.Issuer) string {
		return unsigned(t, `{"kid":"`+i.KeyID+`"}`, i.Claims("ada"))
	}, "another algorithm"},
	"HS256 with the public key as the secret": {func(t *testing.T, i *identitytest.Issuer) string {
		return signWith(t, i.Claims("ada", identity.Admin), jwa.HS256(), publicPEM(t, i), i.KeyID)
	}, "another algorithm"},
	"RS256 under the id of an ES256 key": {func(t *testing.T, i *identitytest.Issuer) string {
		return signWith(t, i.Claims("ada"), jwa.RS256(), rsaKey(t), i.KeyID)
	}, "that of its key"},
	"another key under the same id": {func(t *testing.T, i *identitytest.Issuer) string {
		other := identitytest.New(t)
		token, err := other.SignRaw(encode(t, i.Claims("ada")), map[string]any{jws.KeyIDKey: i.KeyID})
		if err != nil {
			t.Fatal(err)
		}
		return token
	}, "signature"},
	"payload changed": {func(t *testing.T, i *identitytest.Issuer) string {
		parts := strings.Split(sign(t, i, i.Claims("ada", identity.Student)), ".")
		return parts[0] + "." + part(string(encode(t, i.Claims("ada", identity.Admin)))) + "." + parts[2]
	}, "signature"},
	"signature cut": {func(t *testing.T, i *identitytest.Issuer) string {
		token := sign(t, i, i.Claims("ada"))
		return token[:len(token)-4]
	}, "signature"},
	"no signature": {func(t *testing.T, i *identitytest.Issuer) string {
		token := sign(t, i, i.Claims("ada"))
		return token[:strings.LastIndex(token, ".")+1]
	}, "signature"},
	"expired": with("exp", func(t time.Time) any { return t.Add(-time.Minute).Unix() }, "expired"),
	"expires never": {func(t *testing.T, i *identitytest.Issuer) string {
		claims := i.Claims("ada")
		delete(claims, "exp")
		return sign(t, i, claims)
	}, "when it expires"},
	"expires in words":      with("exp", func(time.Time) any { return "tomorrow" }, "members of a JWT"),
	"expired before time":   with("exp", func(time.Time) any { return -1e300 }, "expired"),
	"not valid yet":         with("nbf", func(t time.Time) any { return t.Add(time.Minute).Unix() }, "not valid yet"),
	"issued in the future":  with("iat", func(t time.Time) any { return t.Add(time.Minute).Unix() }, "future"),
	"another audience":      with("aud", func(time.Time) any { return "bank" }, "another audience"),
	"no audience":           with("aud", func(time.Time) any { return []string{} }, "another audience"),
	"another issuer":        with("iss", func(time.Time) any { return "https://evil.example" }, "another issuer"),
	"issuer with a slash":   with("iss", func(time.Time) any { return nil }, "another issuer"),
	"no subject":            with("sub", func(time.Time) any { return "" }, "no subject"),
	"subject of many bytes": with("sub", func(time.Time) any { return strings.Repeat("a", 300) }, "256"),
	"subject of numbers":    with("sub", func(time.Time) any { return 7 }, "members of a JWT"),
	"unknown kid": {func(t *testing.T, i *identitytest.Issuer) string {
		return raw(t, i, encode(t, i.Claims("ada")), map[string]any{jws.KeyIDKey: "nobody's"})
	}, "does not have"},
	"no kid": {func(t *testing.T, i *identitytest.Issuer) string {
		return raw(t, i, encode(t, i.Claims("ada")), nil)
	}, "kid"},
	"a kid that is a path": {func(t *testing.T, i *identitytest.Issuer) string {
		return raw(t, i, encode(t, i.Claims("ada")), map[string]any{jws.KeyIDKey: "../../dev/null"})
	}, "does not have"},
	"crit": {func(t *testing.T, i *identitytest.Issuer) string {
		return unsigned(t, `{"alg":"ES256","kid":"`+i.KeyID+`","crit":["exp"]}`, i.Claims("ada"))
	}, "crit"},
	"crit of nothing": {func(t *testing.T, i *identitytest.Issuer) string {
		return unsigned(t, `{"alg":"ES256","kid":"`+i.KeyID+`","crit":[]}`, i.Claims("ada"))
	}, "crit"},
	"an id token's typ": {func(t *testing.T, i *identitytest.Issuer) string {
		return raw(t, i, encode(t, i.Claims("ada")), map[string]any{jws.KeyIDKey: i.KeyID, jws.TypeKey: "logout+jwt"})
	}, "typ"},
	"huge": {func(t *testing.T, i *identitytest.Issuer) string {
		claims := i.Claims("ada")
		claims["padding"] = strings.Repeat("x", 1<<20)
		return sign(t, i, claims)
	}, "bytes"},
	"a claim twice": {func(t *testing.T, i *identitytest.Issuer) string {
		text := string(encode(t, i.Claims("ada", identity.Student)))
		return raw(t, i, []byte(strings.TrimSuffix(text, "}")+`,"roles":["admin"]}`), map[string]any{jws.KeyIDKey: i.KeyID})
	}, "twice"},
	"a claim twice in another case": {func(t *testing.T, i *identitytest.Issuer) string {
		text := string(encode(t, i.Claims("ada")))
		return raw(t, i, []byte(strings.TrimSuffix(text, "}")+`,"SUB":"root"}`), map[string]any{jws.KeyIDKey: i.KeyID})
	}, "twice"},
	"alg twice": {func(t *testing.T, i *identitytest.Issuer) string {
		return unsigned(t, `{"alg":"ES256","alg":"none","kid":"`+i.KeyID+`"}`, i.Claims("ada"))
	}, "twice"},
	"payload no object": {func(t *testing.T, i *identitytest.Issuer) string {
		return raw(t, i, []byte(`["sub","ada"]`), map[string]any{jws.KeyIDKey: i.KeyID})
	}, "no JSON object"},
	"payload and more": {func(t *testing.T, i *identitytest.Issuer) string {
		return raw(t, i, append(encode(t, i.Claims("ada")), "{}"...), map[string]any{jws.KeyIDKey: i.KeyID})
	}, "no JSON object"},
	"nested a thousand times": {func(t *testing.T, i *identitytest.Issuer) string {
		text := strings.TrimSuffix(string(encode(t, i.Claims("ada"))), "}")
		return raw(t, i, []byte(text+`,"x":`+strings.Repeat("[", 1000)+strings.Repeat("]", 1000)+"}"), map[string]any{jws.KeyIDKey: i.KeyID})
	}, "deeply"},
	"a service's": {func(t *testing.T, _ *identitytest.Issuer) string {
		return serviceToken(t, "quiz", "course")
	}, "another algorithm"},
}

// with changes one claim of a good token.
func with(claim string, value func(now time.Time) any, says string) struct {
	make func(t *testing.T, i *identitytest.Issuer) string
	says string
} {
	return struct {
		make func(t *testing.T, i *identitytest.Issuer) string
		says string
	}{func(t *testing.T, i *identitytest.Issuer) string {
		claims := i.Claims("ada", identity.Student)
		if claims[claim] = value(time.Now()); claims[claim] == nil {
			claims[claim] = i.URL + "/"
		}
		return sign(t, i, claims)
	}, says}
}

func TestHostileTokens(t *testing.T) {
	t.Parallel()
	i := identitytest.New(t)
	v := verifierOf(i)
	for name, test := range hostile {
		t.Run(name, func(t *testing.T) {
			token := test.make(t, i)
			c, err := v.Verify(t.Context(), token)
			var refused *identity.TokenError
			if !errors.As(err, &refused) || !strings.Contains(err.Error(), test.says) {
				t.Fatalf("got %+v, %v; want a refusal that says %q", c, err, test.says)
			}
			if !c.Anonymous() {
				t.Errorf("refused, and a caller %+v", c)
			}
			for _, value := range []string{"ada", "evil.example", "nobody's", "bank"} {
				if strings.Contains(err.Error(), value) {
					t.Errorf("the refusal quotes the token: %v", err)
				}
			}
		})
	}
	if _, err := v.Verify(t.Context(), sign(t, i, i.Claims("ada"))); err != nil {
		t.Errorf("a good token behind the bad ones: %v", err)
	}
}

// A token may say where its key is; nobody goes there.
func TestKeysNamedByTheTokenAreIgnored(t *testing.T) {
	t.Parallel()
	i, evil := identitytest.New(t), identitytest.New(t)
	asked := false
	trap := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = asked || strings.HasPrefix(r.URL.String(), "http://evil.example")
		i.ServeHTTP(w, r)
	})
	v := identity.NewVerifier(identity.Issuer{URL: i.URL, Client: identity.Local(trap)})
	for _, header := range []map[string]any{
		{jws.JWKSetURLKey: "http://evil.example/keys"}, {jws.X509URLKey: "http://evil.example/x5u"},
	} {
		header[jws.KeyIDKey] = evil.KeyID
		token, err := evil.SignRaw(encode(t, i.Claims("ada", identity.Admin)), header)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := v.Verify(t.Context(), token); err == nil || asked {
			t.Errorf("%v: %v, asked: %v", header, err, asked)
		}
		header[jws.KeyIDKey] = i.KeyID // the issuer's own token may have them
		if _, err := v.Verify(t.Context(), raw(t, i, encode(t, i.Claims("ada")), header)); err != nil {
			t.Errorf("%v: %v", header, err)
		}
	}
}

func TestLeewayIsHalfAMinute(t *testing.T) {
	t.Parallel()
	i := identitytest.New(t)
	v := verifierOf(i)
	now := time.Now()
	for _, test := range []struct {
		claim string
		off   time.Duration
		good  bool
	}{
		{"exp", -20 * time.Second, true}, {"exp", -40 * time.Second, false},
		{"nbf", 20 * time.Second, true}, {"nbf", 40 * time.Second, false},
		{"iat", 20 * time.Second, true}, {"iat", 40 * time.Second, false},
	} {
		claims := i.Claims("ada")
		claims[test.claim] = now.Add(test.off).Unix()
		if _, err := v.Verify(t.Context(), sign(t, i, claims)); (err == nil) != test.good {
			t.Errorf("%s off by %s: %v", test.claim, test.off, err)
		}
	}
}

// Every algorithm that is taken, and one key of each kind that is not.
func TestAlgorithms(t *testing.T) {
	t.Parallel()
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]any{"rsa": rsaKey(t), "ed": edKey, "secret": []byte(strings.Repeat("s", 32))}
	url := "http://issuer.example"
	v := identity.NewVerifier(identity.Issuer{URL: url, Client: identity.Local(serveKeys(t, url, keys))})
	claims := map[string]any{"iss": url, "aud": identity.DefaultAudience, "sub": "ada", "exp": time.Now().Add(time.Hour).Unix()}
	for _, test := range []struct {
		algorithm jwa.SignatureAlgorithm
		key       string
		good      bool
	}{
		{jwa.RS256(), "rsa", true}, {jwa.EdDSA(), "ed", true},
		{jwa.RS512(), "rsa", false}, {jwa.PS256(), "rsa", false}, {jwa.HS256(), "secret", false},
	} {
		_, err := v.Verify(t.Context(), signWith(t, claims, test.algorithm, keys[test.key], test.key))
		if (err == nil) != test.good {
			t.Errorf("%s with the key %s: %v", test.algorithm, test.key, err)
		}
	}
}

// A key that can be broken is none, whatever is signed with it.
func TestSmallKeysAreNotUsed(t *testing.T) {
	t.Parallel()
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	url := "http://issuer.example"
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		small := map[string]string{"kty": "RSA", "kid": "small", "e": "AQAB", "n": base64.RawURLEncoding.EncodeToString(key.N.Bytes())}
		var answer any = map[string]any{"keys": []any{small}}
		if strings.HasPrefix(r.URL.Path, "/.well-known/") {
			answer = map[string]any{"issuer": url, "jwks_uri": url + "/keys"}
		}
		_ = json.NewEncoder(w).Encode(answer)
	})
	signed := part(`{"alg":"RS256","kid":"small"}`) + "." + part(string(encode(t, map[string]any{
		"iss": url, "aud": identity.DefaultAudience, "sub": "ada", "exp": time.Now().Add(time.Hour).Unix(),
	})))
	sum := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	v := identity.NewVerifier(identity.Issuer{URL: url, Client: identity.Local(h)})
	if c, err := v.Verify(t.Context(), signed+"."+part(string(signature))); err == nil {
		t.Errorf("a key of 1,024 bits lets %+v in", c)
	}
}

func FuzzVerify(f *testing.F) {
	i, err := identitytest.Start("127.0.0.1:0")
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { i.Close() })
	v := verifierOf(i)
	good, err := i.Sign(i.Claims("ada", identity.Student))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good + "x")
	f.Add("..")
	f.Add(part(`{"alg":"none"}`) + "." + part(`{"sub":"ada"}`) + ".")
	f.Add(part(`{"alg":"ES256","kid":"`+i.KeyID+`"}`) + "." + part(`{}`) + ".AAAA")
	f.Fuzz(func(t *testing.T, token string) {
		c, err := v.Verify(context.Background(), token)
		if err == nil && (c.Subject != "ada" || !equivalent(token, good)) {
			t.Errorf("%q is taken as that of %+v", token, c)
		}
	})
}

// equivalent reports whether two tokens are the same but for their signatures,
// of which one message has many.
func equivalent(a, b string) bool {
	return a[:strings.LastIndex(a, ".")] == b[:strings.LastIndex(b, ".")]
}

func part(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

func encode(t testing.TB, claims map[string]any) []byte {
	t.Helper()
	text, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func unsigned(t *testing.T, header string, claims map[string]any) string {
	return part(header) + "." + part(string(encode(t, claims))) + "."
}

func sign(t testing.TB, i *identitytest.Issuer, claims map[string]any) string {
	t.Helper()
	token, err := i.Sign(claims)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func raw(t *testing.T, i *identitytest.Issuer, payload []byte, header map[string]any) string {
	t.Helper()
	token, err := i.SignRaw(payload, header)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func signWith(t *testing.T, claims map[string]any, algorithm jwa.SignatureAlgorithm, key any, id string) string {
	t.Helper()
	header := jws.NewHeaders()
	if err := header.Set(jws.KeyIDKey, id); err != nil {
		t.Fatal(err)
	}
	token, err := jws.Sign(encode(t, claims), jws.WithKey(algorithm, key, jws.WithProtectedHeaders(header)))
	if err != nil {
		t.Fatal(err)
	}
	return string(token)
}

func rsaKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// publicPEM is what an attacker can get of the issuer's key.
func publicPEM(t *testing.T, i *identitytest.Issuer) []byte {
	t.Helper()
	res, err := identity.Local(i).Get(i.URL + "/keys")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	set, err := jwk.ParseReader(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	pem, err := jwk.Pem(set)
	if err != nil {
		t.Fatal(err)
	}
	return pem
}

// serveKeys is an issuer with the public parts of the keys, by id.
func serveKeys(t *testing.T, url string, keys map[string]any) http.Handler {
	t.Helper()
	var public []jwk.Key
	for id, raw := range keys {
		key, err := jwk.Import(raw)
		if err != nil {
			t.Fatal(err)
		}
		if key, err = key.PublicKey(); err != nil {
			t.Fatal(err)
		}
		if err := key.Set(jwk.KeyIDKey, id); err != nil {
			t.Fatal(err)
		}
		public = append(public, key)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var answer any = map[string]any{"keys": public}
		if strings.HasPrefix(r.URL.Path, "/.well-known/") {
			answer = map[string]any{"issuer": url, "jwks_uri": url + "/keys"}
		}
		_ = json.NewEncoder(w).Encode(answer)
	})
}
