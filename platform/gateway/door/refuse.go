package door

import (
	"net/http"
	"strconv"
	"strings"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"

	"github.com/pulselearn/campus-hub/platform/gateway/problem"
)

var rpcErrors = connecthttp.NewErrorWriter()

// Refuse answers a request with a problem in its own protocol: Connect, gRPC
// and gRPC-Web have errors of theirs, everything else gets problem details.
func Refuse(w http.ResponseWriter, r *http.Request, p *problem.Problem) {
	if !isCall(r.URL.Path) || !rpcErrors.IsSupported(r) {
		p.Write(w, r)
		return
	}
	p.SetHeaders(w.Header())
	_ = rpcErrors.Write(w, r, connect.NewError(codeOf(p), p.Detail)) // the client may be gone
}

// isCall tells whether a path names a call: "/pl.quiz.v1.QuizService/GetQuiz".
func isCall(path string) bool {
	service, method, ok := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return ok && strings.Contains(service, ".") && method != "" && !strings.Contains(method, "/")
}

// framed tells whether the messages of a call are in frames with their
// lengths: those of gRPC and gRPC-Web, and streams of Connect.
func framed(r *http.Request) bool {
	kind := r.Header.Get("Content-Type")
	return isCall(r.URL.Path) && (strings.HasPrefix(kind, "application/grpc") || strings.HasPrefix(kind, "application/connect+"))
}

// codeOf returns the code of a problem for a protocol that has codes alone.
func codeOf(p *problem.Problem) connect.Code {
	var code connect.Code
	if code.UnmarshalText([]byte(p.Code)) == nil {
		return code
	}
	if p.Status == http.StatusRequestEntityTooLarge {
		return connect.CodeResourceExhausted
	}
	return connect.CodeInvalidArgument
}

func tooLarge(limit int64) *problem.Problem {
	return problem.New("content_too_large", "the request has more than "+strconv.FormatInt(limit, 10)+" bytes")
}
