package identity

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxToken is the longest token that is looked at, in bytes. Tokens of
// providers with many roles have some thousand.
const maxToken = 16 << 10

// A TokenError is a token that proves nothing, and why. Its text quotes
// nothing of the token and is meant for the caller.
type TokenError struct{ Reason string }

// Error returns why the token was refused.
func (e *TokenError) Error() string { return "the access token " + e.Reason }

func refuse(format string, args ...any) error {
	return &TokenError{fmt.Sprintf(format, args...)}
}

var errTooLong = refuse("has more than %d bytes", maxToken)

// A header is what the first part of a token has to say. Everything else in
// it, such as where keys could be fetched, is not looked at.
type header struct {
	Algorithm string          `json:"alg"`
	Type      string          `json:"typ"`
	Key       string          `json:"kid"`
	Critical  json.RawMessage `json:"crit"`
}

// readHeader reads the header of a token in compact form.
func readHeader(token string) (*header, error) {
	if len(token) > maxToken {
		return nil, errTooLong
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, refuse("is not a signed JWT: it has %d parts in place of three", len(parts))
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[0])
	if err != nil {
		return nil, refuse("has a header that is not base64url")
	}
	h := new(header)
	if err := decodeObject(text, h); err != nil {
		return nil, refuse("has a header that %v", err)
	}
	return h, h.check()
}

func (h *header) check() error {
	switch {
	case h.Critical != nil:
		return refuse("has a crit header, and no extension is understood here")
	case !acceptedType(h.Type):
		return refuse("has a typ other than at+jwt and JWT")
	}
	return nil
}

func acceptedType(typ string) bool {
	switch strings.TrimPrefix(strings.ToLower(typ), "application/") {
	case "", "jwt", "at+jwt":
		return true
	}
	return false
}

// decodeObject decodes one JSON object whose members have different names.
// encoding/json would take the last of two, where others take the first.
func decodeObject(text []byte, v any) error {
	if err := distinct(text); err != nil {
		return err
	}
	if err := json.Unmarshal(text, v); err != nil {
		return errors.New("does not have the members of a JWT")
	}
	return nil
}

var errNoObject = errors.New("is no JSON object")

// distinct fails unless text is one JSON object without two members of one
// name. Names in objects within it are looked at as well.
func distinct(text []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return errNoObject
	}
	if err := members(d, 0); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errNoObject
	}
	return nil
}

// maxDepth bounds objects and lists in each other.
const maxDepth = 16

// members reads the rest of an object.
func members(d *json.Decoder, depth int) error {
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		switch {
		case err != nil || !ok:
			return errNoObject
		case seen[strings.ToLower(name)]: // as encoding/json matches names
			return errors.New("has a member twice")
		}
		seen[strings.ToLower(name)] = true
		if err := value(d, depth); err != nil {
			return err
		}
	}
	return closing(d)
}

func value(d *json.Decoder, depth int) error {
	t, err := d.Token()
	switch {
	case err != nil:
		return errNoObject
	case depth > maxDepth:
		return errors.New("is nested too deeply")
	case t == json.Delim('{'):
		return members(d, depth+1)
	case t == json.Delim('['):
		for d.More() {
			if err := value(d, depth+1); err != nil {
				return err
			}
		}
		return closing(d)
	}
	return nil
}

func closing(d *json.Decoder) error {
	if _, err := d.Token(); err != nil {
		return errNoObject
	}
	return nil
}
