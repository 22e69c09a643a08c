// Command client is the client under test of Connect's conformance suite: the
// client that contexts call each other with. It reads the calls to make from
// its standard input, and writes what became of each to standard output.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/proto"

	"connectrpc.com/conformance/internal"
	conformancev1 "connectrpc.com/conformance/internal/gen/proto/go/connectrpc/conformance/v1"
	"connectrpc.com/conformance/internal/gen/proto/go/connectrpc/conformance/v1/conformancev1connect"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/rpc"
)

func main() {
	if err := run(context.Background(), os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "client:", err)
		os.Exit(1)
	}
}

// atOnce is how many calls are made at one time.
const atOnce = 8

func run(ctx context.Context, in io.Reader, out io.Writer) error {
	codec := internal.NewCodec(false)
	decoder, results := codec.NewDecoder(in), &results{encoder: codec.NewEncoder(out)}
	var calls sync.WaitGroup
	defer calls.Wait()
	turns := make(chan struct{}, atOnce)
	for {
		request := &conformancev1.ClientCompatRequest{}
		if err := decoder.DecodeNext(request); errors.Is(err, io.EOF) {
			calls.Wait()
			return results.failure
		} else if err != nil {
			return fmt.Errorf("read the next call: %w", err)
		}
		turns <- struct{}{}
		calls.Go(func() {
			defer func() { <-turns }()
			results.add(request.GetTestName(), invoke(ctx, request))
		})
	}
}

// results writes what became of calls.
type results struct {
	mu      sync.Mutex
	encoder internal.StreamEncoder
	failure error
}

func (r *results) add(name string, response *conformancev1.ClientCompatResponse) {
	r.mu.Lock()
	defer r.mu.Unlock()
	response.TestName = name
	r.failure = errors.Join(r.failure, r.encoder.Encode(response))
}

// invoke makes one call, as a context makes it of another in another process.
// The suite counts requests, so nothing is tried again here.
func invoke(ctx context.Context, request *conformancev1.ClientCompatRequest) *conformancev1.ClientCompatResponse {
	at := "http://" + net.JoinHostPort(request.GetHost(), strconv.FormatUint(uint64(request.GetPort()), 10))
	directory := rpc.NewDirectory(rpc.NewServer(slog.New(slog.DiscardHandler)), map[string]string{"conformance": at})
	client := conformancev1connect.NewConformanceServiceClient(
		directory.Client("conformance", rpc.Policy{Retry: bus.RetryPolicy{Attempts: 1}}))
	if request.TimeoutMs != nil {
		bounded, cancel := context.WithTimeout(ctx, time.Duration(request.GetTimeoutMs())*time.Millisecond)
		defer cancel()
		ctx = bounded
	}
	switch request.GetMethod() {
	case "Unary":
		return call(ctx, request, &conformancev1.UnaryRequest{}, client.Unary)
	case "IdempotentUnary":
		return call(ctx, request, &conformancev1.IdempotentUnaryRequest{}, client.IdempotentUnary)
	case "Unimplemented":
		return call(ctx, request, &conformancev1.UnimplementedRequest{}, client.Unimplemented)
	}
	return broken(fmt.Errorf("calls of %s are not made here", request.GetMethod()))
}

// broken is the answer for a call that could not be made.
func broken(err error) *conformancev1.ClientCompatResponse {
	return &conformancev1.ClientCompatResponse{
		Result: &conformancev1.ClientCompatResponse_Error{Error: &conformancev1.ClientErrorResult{Message: err.Error()}},
	}
}

// call sends the one message of request, filled into message.
func call[Request proto.Message, Response proto.Message](
	ctx context.Context, request *conformancev1.ClientCompatRequest, message Request,
	send func(context.Context, Request) (Response, error),
) *conformancev1.ClientCompatResponse {
	if len(request.GetRequestMessages()) != 1 {
		return broken(fmt.Errorf("a unary call has one message, not %d", len(request.GetRequestMessages())))
	}
	if err := request.GetRequestMessages()[0].UnmarshalTo(message); err != nil {
		return broken(err)
	}
	timing, err := internal.GetCancelTiming(request.GetCancel())
	if err != nil {
		return broken(err)
	}
	if timing.AfterCloseSendMs >= 0 {
		cancelled, cancel := context.WithCancel(ctx)
		defer time.AfterFunc(time.Duration(timing.AfterCloseSendMs)*time.Millisecond, cancel).Stop()
		ctx = cancelled
	}
	ctx, info := connect.NewClientContext(ctx)
	internal.AddHeaders(request.GetRequestHeaders(), info.RequestHeader())
	response, err := send(ctx, message)
	result := &conformancev1.ClientResponseResult{
		ResponseHeaders:  internal.ConvertConnectHeaderToProto(info.ResponseHeader()),
		ResponseTrailers: internal.ConvertConnectHeaderToProto(info.ResponseTrailer()),
	}
	if err != nil {
		result.Error = internal.ConvertErrorToProtoError(err)
	} else if p, ok := any(response).(interface {
		GetPayload() *conformancev1.ConformancePayload
	}); ok {
		result.Payloads = append(result.Payloads, p.GetPayload())
	}
	return &conformancev1.ClientCompatResponse{Result: &conformancev1.ClientCompatResponse_Response{Response: result}}
}
