package identity

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
)

// When the issuer is asked for its keys.
const (
	// refreshAfter is how old keys may become before they are asked for again.
	refreshAfter = 15 * time.Minute
	// unknownPause is the time between two questions because of tokens with
	// unknown keys, and failurePause that behind a question that failed.
	unknownPause = 10 * time.Second
	failurePause = time.Second
	// fetchTimeout bounds one question.
	fetchTimeout = 5 * time.Second
	// maxDocument bounds an answer, in bytes.
	maxDocument = 1 << 20
	// minRSA is the least size of a key, in bits.
	minRSA = 2048
)

// ErrUnavailable says that a token could not be verified because the issuer's
// keys are not known and could not be fetched. It says nothing about the token.
var ErrUnavailable = errors.New("the keys of the issuer of access tokens are not available")

// A publicKey verifies tokens of one algorithm.
type publicKey struct {
	algorithm jwa.SignatureAlgorithm
	raw       any
}

// A ring holds the current keys of an issuer, by id.
type ring struct {
	issuer string
	client *http.Client

	mu      sync.Mutex
	keys    map[string]publicKey
	epoch   uint64 // of the keys: another one when they may have changed
	fetched time.Time
	next    time.Time     // before it, the issuer is not asked again
	asking  chan struct{} // closed when the question under way is answered; nil without one
	failure error         // of the last question
}

// find returns the key with the id. A key that is not known is asked for, at a
// bounded rate; keys that have become old are renewed meanwhile.
func (r *ring) find(ctx context.Context, id string) (publicKey, error) {
	for asked := false; ; asked = true {
		key, known, answer := r.look(id, asked)
		if known {
			return key, nil
		}
		if answer == nil {
			return publicKey{}, r.unknown()
		}
		select {
		case <-answer:
		case <-ctx.Done():
			return publicKey{}, ctx.Err()
		}
	}
}

// look returns the key, and what to wait for when it is not known: nil when
// waiting does not help.
func (r *ring) look(id string, asked bool) (key publicKey, known bool, answer <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key, known = r.keys[id]
	r.askIf(!known && !asked || r.old())
	if asked || r.asking == nil {
		return key, known, nil
	}
	return key, known, r.asking
}

// current returns the epoch of the keys. Keys that have become old are
// renewed meanwhile.
func (r *ring) current() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.askIf(r.epoch > 0 && r.old())
	return r.epoch
}

func (r *ring) old() bool { return time.Since(r.fetched) > refreshAfter }

// askIf asks the issuer when there is reason to, and it may be asked.
func (r *ring) askIf(reason bool) {
	if reason && r.asking == nil && !time.Now().Before(r.next) {
		r.asking = make(chan struct{})
		go r.ask(r.asking)
	}
}

// unknown is the error of a token whose key is not among those of the issuer.
func (r *ring) unknown() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failure != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, r.failure)
	}
	return refuse("is signed with a key that its issuer does not have")
}

// ask replaces the keys with those that the issuer has now. While it cannot be
// reached, the keys stay what they are.
func (r *ring) ask(done chan<- struct{}) {
	ctx, cancel := context.WithTimeout(context.Background(), fetchTimeout)
	defer cancel()
	keys, err := r.fetch(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	r.failure, r.next = err, now.Add(failurePause)
	if err == nil {
		r.keys, r.fetched, r.next = keys, now, now.Add(unknownPause)
		r.epoch++
	}
	r.asking = nil
	close(done)
}

// discovery is what is read of an issuer's discovery document, see OpenID
// Connect Discovery 1.0, section 3.
type discovery struct {
	Issuer string `json:"issuer"`
	Keys   string `json:"jwks_uri"`
}

func (r *ring) fetch(ctx context.Context) (map[string]publicKey, error) {
	text, err := r.get(ctx, strings.TrimSuffix(r.issuer, "/")+"/.well-known/openid-configuration")
	if err != nil {
		return nil, err
	}
	var d discovery
	if err := json.Unmarshal(text, &d); err != nil {
		return nil, fmt.Errorf("the discovery document of %s is not JSON", r.issuer)
	}
	switch {
	case d.Issuer != r.issuer:
		return nil, fmt.Errorf("the discovery document at %s is that of another issuer, %q; the two have to be the same text", r.issuer, d.Issuer)
	case strings.HasPrefix(r.issuer, "https:") && !strings.HasPrefix(d.Keys, "https:"):
		return nil, fmt.Errorf("the issuer %s has its keys at an address without TLS", r.issuer)
	}
	if text, err = r.get(ctx, d.Keys); err != nil {
		return nil, err
	}
	return readKeys(text)
}

func (r *ring) get(ctx context.Context, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	res, err := r.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", url, res.Status)
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, maxDocument+1))
	if err == nil && len(text) > maxDocument {
		err = fmt.Errorf("%s answers with more than %d bytes", url, maxDocument)
	}
	return text, err
}

// readKeys returns the keys of a JWK set that can verify tokens. Others, of
// algorithms that are not used or for encryption, are left out.
func readKeys(text []byte) (map[string]publicKey, error) {
	set, err := jwk.Parse(text, jwk.WithIgnoreParseError(true))
	if err != nil {
		return nil, errors.New("the issuer's keys are no JWK set")
	}
	keys := map[string]publicKey{}
	for i := range set.Len() {
		key, _ := set.Key(i)
		id, _ := key.KeyID()
		if usable, ok := readKey(key); ok && id != "" {
			keys[id] = usable
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("the issuer has no key with an id for RS256, ES256 or EdDSA")
	}
	return keys, nil
}

func readKey(key jwk.Key) (publicKey, bool) {
	if use, ok := key.KeyUsage(); ok && use != "sig" {
		return publicKey{}, false
	}
	var raw any
	if err := jwk.Export(key, &raw); err != nil {
		return publicKey{}, false
	}
	algorithm, ok := algorithmOf(raw)
	if named, has := key.Algorithm(); has && named.String() != algorithm.String() {
		return publicKey{}, false
	}
	return publicKey{algorithm, raw}, ok
}

// algorithmOf returns the one algorithm that a key is used with here.
func algorithmOf(raw any) (jwa.SignatureAlgorithm, bool) {
	switch key := raw.(type) {
	case *rsa.PublicKey:
		return jwa.RS256(), key.N.BitLen() >= minRSA
	case *ecdsa.PublicKey:
		return jwa.ES256(), key.Curve == elliptic.P256()
	case ed25519.PublicKey:
		return jwa.EdDSA(), true
	}
	return jwa.EmptySignatureAlgorithm(), false
}
