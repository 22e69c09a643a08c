//go:build unix

package e2e

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"connectrpc.com/grpcreflect/v2"

	quizv1 "github.com/pulselearn/campus-hub/gen/proto/pl/quiz/v1"
	"github.com/pulselearn/campus-hub/gen/proto/pl/quiz/v1/quizv1connect"
	"github.com/pulselearn/campus-hub/platform/identity"
)

// TestProtocols calls one port in every way that a client may.
func TestProtocols(t *testing.T) {
	t.Parallel()
	hub := newStand(t).hub(t)
	hub.startReady()
	k := newCampus(t, func(string) string { return hub.url() }).newClass("protocols", 1, 1)
	student := identity.Caller{Subject: k.students[0], Roles: []string{identity.Student}}
	http2 := &http.Client{Transport: &http.Transport{Protocols: withoutTLS()}}
	for _, test := range []struct {
		name    string
		client  *http.Client
		options []connecthttp.Option
	}{
		{"Connect", http.DefaultClient, nil},
		{"Connect with JSON and gzip", http.DefaultClient, []connecthttp.Option{connecthttp.WithProtoJSON(), connecthttp.WithSendGzip()}},
		{"Connect over HTTP/2", http2, nil},
		{"gRPC", http2, []connecthttp.Option{connecthttp.WithGRPC()}},
		{"gRPC-Web", http.DefaultClient, []connecthttp.Option{connecthttp.WithGRPCWeb()}},
	} {
		t.Run(test.name, func(t *testing.T) {
			quizzes := quizv1connect.NewQuizServiceClient(connect.NewClient(connecthttp.NewTransport(test.client, hub.url(), test.options...), issuer.As(student)))
			got, err := quizzes.GetQuiz(t.Context(), &quizv1.GetQuizRequest{QuizId: k.quizzes[0].GetQuiz().GetId()})
			if err != nil || got.GetCourseTitle() != "Algebra I" {
				t.Errorf("got %v, %v", got, err)
			}
			_, err = quizzes.GetQuiz(t.Context(), &quizv1.GetQuizRequest{QuizId: "none"})
			if connect.CodeOf(err) != connect.CodeNotFound {
				t.Errorf("a quiz that does not exist: %v, want not found", err)
			}
			_, err = quizzes.SubmitQuiz(t.Context(), &quizv1.SubmitQuizRequest{StudentId: strings.Repeat("x", 5<<20)})
			if connect.CodeOf(err) != connect.CodeResourceExhausted {
				t.Errorf("a request of 5 MiB: %v, want resource exhausted", err)
			}
		})
	}
	t.Run("reflection", func(t *testing.T) {
		stream := grpcreflect.NewClient(connect.NewClient(connecthttp.NewTransport(http2, hub.url(), connecthttp.WithGRPC()))).NewStream(t.Context())
		defer stream.Close()
		listed, err := stream.ListServices()
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(toStrings(listed), "pl.quiz.v1.QuizService") {
			t.Errorf("reflection lists %v", listed)
		}
	})
}

func withoutTLS() *http.Protocols {
	var p http.Protocols
	p.SetUnencryptedHTTP2(true)
	return &p
}

func toStrings[S ~string](list []S) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = string(s)
	}
	return out
}
