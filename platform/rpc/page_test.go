package rpc_test

import (
	"slices"
	"testing"

	"connectrpc.com/connect/v2"
	"pgregory.net/rapid"

	"github.com/pulselearn/campus-hub/platform/rpc"
)

func TestPageSize(t *testing.T) {
	t.Parallel()
	for n, want := range map[int32]int{-1: 50, 0: 50, 1: 1, 200: 200, 201: 200} {
		if got := rpc.PageSize(n); got != want {
			t.Errorf("PageSize(%d) = %d, want %d", n, got, want)
		}
	}
}

func TestPageTokenRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		keys := rapid.SliceOfN(rapid.String(), 1, 4).Draw(t, "keys")
		got, err := rpc.ParsePageToken(rpc.PageToken(keys...), len(keys))
		if err != nil || !slices.Equal(got, keys) {
			t.Fatalf("%q came back as %q, %v", keys, got, err)
		}
	})
}

func TestParsePageTokenRefuses(t *testing.T) {
	t.Parallel()
	for _, token := range []string{"x", "!!", "bnVsbA", rpc.PageToken("one"), rpc.PageToken("a", "b", "c")} {
		if keys, err := rpc.ParsePageToken(token, 2); connect.CodeOf(err) != connect.CodeInvalidArgument {
			t.Errorf("%q: got %q, %v; want invalid argument", token, keys, err)
		}
	}
	if keys, err := rpc.ParsePageToken("", 2); keys != nil || err != nil {
		t.Errorf("an empty token: got %q, %v; want the first page", keys, err)
	}
}

func TestPage(t *testing.T) {
	t.Parallel()
	key := func(s string) []string { return []string{s} }
	page, next := rpc.Page([]string{"a", "b", "c"}, 2, key)
	if !slices.Equal(page, []string{"a", "b"}) {
		t.Errorf("got %q, want a and b", page)
	}
	if after, err := rpc.ParsePageToken(next, 1); err != nil || !slices.Equal(after, []string{"b"}) {
		t.Errorf("the next page begins after %q, %v; want b", after, err)
	}
	if page, next := rpc.Page([]string{"a", "b"}, 2, key); len(page) != 2 || next != "" {
		t.Errorf("the last page is %q with the token %q, want both and none", page, next)
	}
}
