package rpc_test

import (
	"testing"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connectinprocess"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/pulselearn/campus-hub/platform/rpc"
)

// BenchmarkCall compares a call in the process as Connect makes it with one
// that is held to every policy.
func BenchmarkCall(b *testing.B) {
	r := &remote{}
	all := rpc.Policy{Caller: "board", Breaker: rpc.Breaker{Failures: 5, Window: 20}, MaxConcurrent: 64}
	for _, c := range []struct {
		name   string
		client *connect.Client
	}{
		{"Connect", connect.NewClient(connectinprocess.New(r.server()))},
		{"defaults", r.over(&observed{})},
		{"all policies", r.over(&observed{}, all)},
	} {
		b.Run(c.name, func(b *testing.B) {
			req, res := wrapperspb.String("ada"), new(wrapperspb.StringValue)
			b.ReportAllocs()
			for b.Loop() {
				if err := c.client.CallUnary(b.Context(), nameSpec, req, res); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
