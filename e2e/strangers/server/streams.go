package main

import (
	"context"
	"errors"
	"io"

	"google.golang.org/protobuf/proto"

	conformancev1 "connectrpc.com/conformance/internal/gen/proto/go/connectrpc/conformance/v1"
	"connectrpc.com/conformance/internal/gen/proto/go/connectrpc/conformance/v1/conformancev1connect"
)

// ClientStream answers all requests at once.
func (c *conformance) ClientStream(
	ctx context.Context, stream conformancev1connect.ConformanceServiceClientStreamServerStream,
) (*conformancev1.ClientStreamResponse, error) {
	var requests []proto.Message
	var wanted *conformancev1.UnaryResponseDefinition
	for {
		request, err := stream.Receive()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if len(requests) == 0 {
			wanted = request.GetResponseDefinition()
		}
		requests = append(requests, request)
	}
	payload, err := answerOne(ctx, wanted, requests...)
	if err != nil {
		return nil, err
	}
	return &conformancev1.ClientStreamResponse{Payload: payload}, wait(ctx, wanted.GetResponseDelayMs())
}

// ServerStream answers one request in parts.
func (c *conformance) ServerStream(
	ctx context.Context, request *conformancev1.ServerStreamRequest, stream conformancev1connect.ConformanceServiceServerStreamServerStream,
) error {
	a := answers{ctx: ctx, wanted: request.GetResponseDefinition(), sendHeaders: stream.SendHeaders, send: func(p *conformancev1.ConformancePayload) error {
		return stream.Send(&conformancev1.ServerStreamResponse{Payload: p})
	}}
	if err := a.begin(); err != nil {
		return err
	}
	return a.rest(request)
}

// BidiStream answers each request as it comes, or all of them in the end.
func (c *conformance) BidiStream(ctx context.Context, stream conformancev1connect.ConformanceServiceBidiStreamServerStream) error {
	a := answers{ctx: ctx, sendHeaders: stream.SendHeaders, send: func(p *conformancev1.ConformancePayload) error {
		return stream.Send(&conformancev1.BidiStreamResponse{Payload: p})
	}}
	var requests []proto.Message
	first, atOnce := true, false
	for {
		request, err := stream.Receive()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		requests = append(requests, request)
		if first {
			first, atOnce, a.wanted = false, request.GetFullDuplex(), request.GetResponseDefinition()
		}
		if !atOnce {
			continue
		}
		if a.over() {
			break
		}
		if err := a.begin(); err != nil {
			return err
		}
		if err := a.next(requests...); err != nil {
			return err
		}
		requests = nil
	}
	if err := a.begin(); err != nil {
		return err
	}
	return a.rest(requests...)
}

// answers are the parts that one stream is to be answered with.
type answers struct {
	ctx         context.Context
	wanted      *conformancev1.StreamResponseDefinition
	sendHeaders func() error
	send        func(*conformancev1.ConformancePayload) error
	begun       bool
	sent        int
}

// begin sends the headers, when something follows them.
func (a *answers) begin() error {
	if a.begun {
		return nil
	}
	a.begun = true
	addMetadata(a.ctx, a.wanted.GetResponseHeaders(), a.wanted.GetResponseTrailers())
	if len(a.wanted.GetResponseData()) == 0 {
		return nil
	}
	return a.sendHeaders()
}

func (a *answers) over() bool { return a.sent >= len(a.wanted.GetResponseData()) }

// next sends one part. The first tells everything that was seen, a later one
// the requests that have come since.
func (a *answers) next(requests ...proto.Message) error {
	payload := &conformancev1.ConformancePayload{Data: a.wanted.GetResponseData()[a.sent]}
	if a.sent == 0 || len(requests) > 0 {
		seen, err := look(a.ctx, requests...)
		if err != nil {
			return err
		}
		if a.sent > 0 {
			seen = &conformancev1.ConformancePayload_RequestInfo{Requests: seen.GetRequests()}
		}
		payload.RequestInfo = seen
	}
	if err := wait(a.ctx, a.wanted.GetResponseDelayMs()); err != nil {
		return err
	}
	a.sent++
	return a.send(payload)
}

// rest sends the parts that are left, and the error if there is to be one.
func (a *answers) rest(requests ...proto.Message) error {
	for !a.over() {
		if err := a.next(requests...); err != nil {
			return err
		}
		requests = nil
	}
	failure := a.wanted.GetError()
	if failure == nil {
		return nil
	}
	if a.sent > 0 {
		return failed(failure, nil)
	}
	seen, err := look(a.ctx, requests...)
	if err != nil {
		return err
	}
	return failed(failure, seen)
}
