package rpc

import (
	"errors"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connectproto"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/types/known/durationpb"
)

// Later returns the ResourceExhausted error for a caller that has had its share
// and may come again after wait. Programs find the time in a
// google.rpc.RetryInfo among the error's details, and clients of HTTP in the
// header Retry-After; generated clients do not try again before it.
func Later(wait time.Duration, text string) error {
	err := connect.NewError(connect.CodeResourceExhausted, text)
	detail, failed := connectproto.NewErrorDetail(&errdetails.RetryInfo{RetryDelay: durationpb.New(wait)})
	if failed != nil { // a duration always encodes
		return err
	}
	return err.WithDetail(detail)
}

// RetryDelay returns how long an error of a call asks its caller to wait, 0
// when it does not say.
func RetryDelay(err error) time.Duration {
	var own *connect.Error
	if !errors.As(err, &own) {
		return 0
	}
	for _, detail := range own.Details() {
		message, failed := connectproto.UnmarshalErrorDetail(detail)
		if info, ok := message.(*errdetails.RetryInfo); failed == nil && ok {
			return max(0, info.GetRetryDelay().AsDuration())
		}
	}
	return 0
}
