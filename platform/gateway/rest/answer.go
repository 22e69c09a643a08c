package rest

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// encode returns the JSON form of an answer. Fields with their zero value are
// in it. The same message gives the same bytes in every process, which
// protojson alone does not promise.
func encode(m proto.Message) ([]byte, error) {
	text, err := protojson.MarshalOptions{EmitDefaultValues: true}.Marshal(m)
	if err != nil {
		return nil, err
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, text); err != nil {
		return nil, err
	}
	compact.WriteByte('\n')
	return compact.Bytes(), nil
}

// etag is the strong validator of a body.
func etag(body []byte) string {
	sum := sha256.Sum256(body)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`
}

// matches tells whether an If-None-Match header names the tag. RFC 9110 wants
// the weak comparison here.
func matches(header []string, tag string) bool {
	for _, line := range header {
		for entry := range strings.SplitSeq(line, ",") {
			entry = strings.TrimSpace(entry)
			if entry == "*" || strings.TrimPrefix(entry, "W/") == tag {
				return true
			}
		}
	}
	return false
}

// write sends the answer of a call. The answer of a query has a validator and
// is sent again only when it changed.
func write(w http.ResponseWriter, r *http.Request, query bool, body []byte) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	if query {
		h.Set("Cache-Control", "private, no-cache")
		h.Set("ETag", etag(body))
		h.Add("Vary", "Authorization")
	}
	if query && matches(r.Header.Values("If-None-Match"), h.Get("ETag")) {
		h.Del("Content-Type")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(body) // the client may be gone
}

// nextPage returns the link to the page after this one, "" when the answer has
// none.
func nextPage(u *url.URL, query url.Values, answer protoreflect.Message) string {
	f := answer.Descriptor().Fields().ByName("next_page_token")
	if f == nil || f.Kind() != protoreflect.StringKind || f.IsList() || answer.Get(f).String() == "" {
		return ""
	}
	next := url.Values{}
	for key, values := range query {
		if key != "pageToken" {
			next[key] = values
		}
	}
	next.Set("page_token", answer.Get(f).String())
	return "<" + u.EscapedPath() + "?" + next.Encode() + `>; rel="next"`
}
