package main

import (
	"context"
	"testing/fstest"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"connectrpc.com/conformance/internal"
	conformancev1 "connectrpc.com/conformance/internal/gen/proto/go/connectrpc/conformance/v1"
	"connectrpc.com/conformance/internal/gen/proto/go/connectrpc/conformance/v1/conformancev1connect"

	"github.com/pulselearn/campus-hub/platform/identity"
	"github.com/pulselearn/campus-hub/platform/rpc"
	"github.com/pulselearn/campus-hub/platform/service"
	"github.com/pulselearn/campus-hub/platform/tx"
)

// definition is the suite's service as a context: what pl-gen makes of a
// contract, by hand.
func definition() service.Definition {
	public := identity.Rules{{Public: true}}
	access := rpc.Access{}
	for _, procedure := range []string{
		conformancev1connect.ConformanceServiceUnaryProcedure, conformancev1connect.ConformanceServiceIdempotentUnaryProcedure,
		conformancev1connect.ConformanceServiceServerStreamProcedure, conformancev1connect.ConformanceServiceClientStreamProcedure,
		conformancev1connect.ConformanceServiceBidiStreamProcedure, conformancev1connect.ConformanceServiceUnimplementedProcedure,
	} {
		access[procedure] = public
	}
	return service.Definition{
		Context: "conformance",
		Access:  access,
		Migrations: fstest.MapFS{
			"sqlite/0001_init.sql": {Data: []byte("CREATE TABLE `calls` (`id` text NOT NULL, PRIMARY KEY (`id`));\n")},
		},
		Methods: func(server *connect.Server, core *rpc.Core, _ *rpc.Directory) {
			conformancev1connect.RegisterConformanceServiceHandler(server, &conformance{core: core})
		},
	}
}

// conformance does what the suite's requests say. A unary call is a command
// or a query of the platform; streams have no counterpart there.
type conformance struct {
	conformancev1connect.UnimplementedConformanceServiceHandler
	core *rpc.Core
}

// Unary runs in a transaction, as every command does.
func (c *conformance) Unary(ctx context.Context, request *conformancev1.UnaryRequest) (*conformancev1.UnaryResponse, error) {
	payload, failure := answerOne(ctx, request.GetResponseDefinition(), request) // once, however often the transaction runs
	answer, err := c.core.Command(ctx, conformancev1connect.ConformanceServiceUnaryProcedure, request, &conformancev1.UnaryResponse{},
		func(context.Context, *tx.Tx) (proto.Message, error) {
			return &conformancev1.UnaryResponse{Payload: payload}, failure
		})
	if err != nil {
		return nil, err
	}
	return answer.(*conformancev1.UnaryResponse), wait(ctx, request.GetResponseDefinition().GetResponseDelayMs())
}

// IdempotentUnary reads, as every query does.
func (c *conformance) IdempotentUnary(
	ctx context.Context, request *conformancev1.IdempotentUnaryRequest,
) (*conformancev1.IdempotentUnaryResponse, error) {
	payload, failure := answerOne(ctx, request.GetResponseDefinition(), request)
	answer, err := c.core.Query(ctx, conformancev1connect.ConformanceServiceIdempotentUnaryProcedure,
		func(context.Context, *tx.Reader) (proto.Message, error) {
			return &conformancev1.IdempotentUnaryResponse{Payload: payload}, failure
		})
	if err != nil {
		return nil, err
	}
	return answer.(*conformancev1.IdempotentUnaryResponse), wait(ctx, request.GetResponseDefinition().GetResponseDelayMs())
}

// answerOne returns what the only answer to requests is to hold, or its error.
func answerOne(
	ctx context.Context, wanted *conformancev1.UnaryResponseDefinition, requests ...proto.Message,
) (*conformancev1.ConformancePayload, error) {
	seen, err := look(ctx, requests...)
	if err != nil {
		return nil, err
	}
	addMetadata(ctx, wanted.GetResponseHeaders(), wanted.GetResponseTrailers())
	if failure := wanted.GetError(); failure != nil {
		return nil, failed(failure, seen)
	}
	return &conformancev1.ConformancePayload{Data: wanted.GetResponseData(), RequestInfo: seen}, nil
}

func addMetadata(ctx context.Context, headers, trailers []*conformancev1.Header) {
	info, _ := connect.CallInfoForServerContext(ctx)
	internal.AddHeaders(headers, info.ResponseHeader())
	internal.AddHeaders(trailers, info.ResponseTrailer())
}

// failed is the error that a request asks for. What was seen of the request
// goes with it, unless an answer has said so already.
func failed(failure *conformancev1.Error, seen *conformancev1.ConformancePayload_RequestInfo) error {
	failure = proto.CloneOf(failure)
	if seen != nil {
		detail, err := anypb.New(seen)
		if err != nil {
			return err
		}
		failure.Details = append(failure.Details, detail)
	}
	return internal.ConvertProtoToConnectError(failure)
}

// look reports what came.
func look(ctx context.Context, requests ...proto.Message) (*conformancev1.ConformancePayload_RequestInfo, error) {
	info, _ := connect.CallInfoForServerContext(ctx)
	seen := &conformancev1.ConformancePayload_RequestInfo{RequestHeaders: internal.ConvertConnectHeaderToProto(info.RequestHeader())}
	for _, request := range requests {
		packed, err := anypb.New(request)
		if err != nil {
			return nil, err
		}
		seen.Requests = append(seen.Requests, packed)
	}
	if left, ok := asked(ctx, info); ok {
		seen.TimeoutMs = new(left.Milliseconds())
	}
	if http, ok := connecthttp.ServerInfoForContext(ctx); ok && len(http.HTTPGetQueryParams()) > 0 {
		seen.ConnectGetInfo = &conformancev1.ConformancePayload_ConnectGetInfo{
			QueryParams: internal.ConvertToProtoHeader(http.HTTPGetQueryParams()),
		}
	}
	return seen, nil
}

// asked returns how much is left of the time that the client gives the call.
// The process has a limit of its own, which is none of the client's business.
func asked(ctx context.Context, info *connect.CallInfo) (time.Duration, bool) {
	if info.RequestHeader().Get("Connect-Timeout-Ms")+info.RequestHeader().Get("Grpc-Timeout") == "" {
		return 0, false
	}
	deadline, ok := ctx.Deadline()
	return time.Until(deadline), ok
}

// wait holds an answer back for as long as a request asks for, and fails when
// the call is over then. It does not end with the call: the client has the same
// deadline, and what the suite looks at is whether the client keeps it, which
// must not depend on who is first.
func wait(ctx context.Context, milliseconds uint32) error {
	<-time.After(time.Duration(milliseconds) * time.Millisecond)
	return ctx.Err()
}
