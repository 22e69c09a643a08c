package identity

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// Leeway is by how much the clocks of the issuer and of this process may
// differ.
const Leeway = 30 * time.Second

// maxSubject bounds an id, in bytes.
const maxSubject = 256

// claims are what a verified token says.
type claims struct {
	Issuer    string   `json:"iss"`
	Audience  textList `json:"aud"`
	Subject   string   `json:"sub"`
	Session   string   `json:"sid"`
	Scope     string   `json:"scope"`
	Scopes    textList `json:"scp"`
	Expires   *float64 `json:"exp"`
	NotBefore *float64 `json:"nbf"`
	Issued    *float64 `json:"iat"`
	all       rawObject
}

type rawObject map[string]json.RawMessage

// textList is a claim that is one string or a list of them.
type textList []string

// UnmarshalJSON implements [json.Unmarshaler].
func (s *textList) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '"' {
		*s = make(textList, 1)
		return json.Unmarshal(text, &(*s)[0])
	}
	return json.Unmarshal(text, (*[]string)(s))
}

func readClaims(payload []byte) (*claims, error) {
	c := new(claims)
	if err := decodeObject(payload, c); err != nil {
		return nil, refuse("has a payload that %v", err)
	}
	if err := json.Unmarshal(payload, &c.all); err != nil {
		return nil, refuse("has a payload that is no JSON object")
	}
	return c, nil
}

// check holds the claims to what every token has to say.
func (c *claims) check(issuer, audience string, now time.Time) error {
	switch {
	case c.Issuer != issuer:
		return refuse("was issued by another issuer than %s", issuer)
	case !slices.Contains(c.Audience, audience):
		return refuse("was issued for another audience than %s", audience)
	case c.Subject == "":
		return refuse("has no subject")
	case len(c.Subject) > maxSubject:
		return refuse("has a subject of more than %d bytes", maxSubject)
	case c.Expires == nil:
		return refuse("does not say when it expires")
	case !now.Before(seconds(*c.Expires).Add(Leeway)):
		return refuse("has expired")
	case c.NotBefore != nil && now.Add(Leeway).Before(seconds(*c.NotBefore)):
		return refuse("is not valid yet")
	case c.Issued != nil && now.Add(Leeway).Before(seconds(*c.Issued)):
		return refuse("was issued in the future")
	}
	return nil
}

// endOfTime is in the year 9999; later dates are as far away as that.
const endOfTime = 253402300799

func seconds(n float64) time.Time {
	return time.UnixMilli(int64(min(max(n, 0), endOfTime) * 1000))
}

// caller returns the person that the claims speak of.
func (c *claims) caller(token, rolesClaim string) Caller {
	return Caller{
		Subject: c.Subject, Roles: c.at(rolesClaim), Scopes: append(strings.Fields(c.Scope), c.Scopes...),
		Session: c.Session, Expires: seconds(*c.Expires), Token: token,
	}
}

// at returns the strings at a path such as "roles" or "realm_access.roles". A
// claim whose name has dots in it, as those of some providers, is found first.
func (c *claims) at(path string) []string {
	object := c.all
	for {
		if text, ok := object[path]; ok {
			var values textList
			_ = json.Unmarshal(text, &values) // another kind of value names no role
			return values
		}
		name, rest, ok := strings.Cut(path, ".")
		var inner rawObject
		if !ok || json.Unmarshal(object[name], &inner) != nil {
			return nil
		}
		object, path = inner, rest
	}
}
