package rpc

import (
	"encoding/base64"
	"encoding/json"
)

// The number of items on a page: what a request without a size gets, and the
// most that any request gets.
const (
	DefaultPageSize = 50
	MaxPageSize     = 200
)

// PageSize returns how many items a request for n gets.
func PageSize(n int32) int {
	switch {
	case n <= 0:
		return DefaultPageSize
	case n > MaxPageSize:
		return MaxPageSize
	}
	return int(n)
}

// PageToken encodes the keys of a page's last item, from which the next page
// goes on. The token is opaque to clients.
func PageToken(keys ...string) string {
	text, err := json.Marshal(keys)
	if err != nil { // strings always encode
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// ParsePageToken decodes a token of n keys. An empty token gives no keys: the
// first page. Anything that PageToken did not make is an InvalidArgument.
func ParsePageToken(token string, n int) ([]string, error) {
	if token == "" {
		return nil, nil
	}
	var keys []string
	text, err := base64.RawURLEncoding.DecodeString(token)
	if err == nil {
		err = json.Unmarshal(text, &keys)
	}
	if err != nil || len(keys) != n {
		return nil, Invalid("page_token", "is not a token of this list; take next_page_token from the answer before, or leave it empty")
	}
	return keys, nil
}

// Page cuts a list that was read with one item more than size, and returns the
// token for the page after it, or "" when this is the last. keys are what the
// list is sorted by.
func Page[T any](list []T, size int, keys func(last T) []string) (page []T, next string) {
	if len(list) <= size {
		return list, ""
	}
	return list[:size], PageToken(keys(list[size-1])...)
}
