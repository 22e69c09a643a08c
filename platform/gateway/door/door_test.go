package door_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pulselearn/campus-hub/platform/gateway/door"
	"github.com/pulselearn/campus-hub/platform/gateway/problem"
	"github.com/pulselearn/campus-hub/platform/identity"
)

const call = "/pl.quiz.v1.QuizService/GetQuiz"

// inside is what a door guards: it reads the body and says how that went.
var inside = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	if _, err := io.ReadAll(r.Body); err != nil {
		http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
		return
	}
	if d, ok := r.Context().Deadline(); ok {
		w.Header().Set("Left", time.Until(d).String())
	}
	fmt.Fprintln(w, "inside")
})

// through sends a request through all of a door in the name of c.
func through(d *door.Door, r *http.Request, c identity.Caller) *httptest.ResponseRecorder {
	answer := httptest.NewRecorder()
	limited := d.Limit(inside)
	d.Guard(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		limited.ServeHTTP(w, r.WithContext(identity.With(r.Context(), c)))
	})).ServeHTTP(answer, r)
	return answer
}

func request(method, target, body string, headers ...string) *http.Request {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

func TestSecurityHeaders(t *testing.T) {
	t.Parallel()
	d := door.New(door.Config{Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
	answer := through(d, request("GET", "/api/v1/users", ""), identity.Caller{})
	for name, want := range map[string]string{
		"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
		"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'", "Strict-Transport-Security": "",
	} {
		if got := answer.Header().Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	direct := request("GET", "/", "")
	direct.TLS = &tls.ConnectionState{}
	behind := request("GET", "/", "", "X-Forwarded-Proto", "https")
	behind.RemoteAddr = "10.1.2.3:4"
	liar := request("GET", "/", "", "X-Forwarded-Proto", "https")
	for r, want := range map[*http.Request]bool{direct: true, behind: true, liar: false} {
		if got := through(d, r, identity.Caller{}).Header().Get("Strict-Transport-Security") != ""; got != want {
			t.Errorf("from %s with TLS %v: HSTS %v, want %v", r.RemoteAddr, r.TLS != nil, got, want)
		}
	}
}

func TestOrigins(t *testing.T) {
	t.Parallel()
	preflight := []string{"Access-Control-Request-Method", "PUT", "Access-Control-Request-Headers", "authorization,idempotency-key"}
	for _, test := range []struct {
		name           string
		origins        []string
		method, origin string
		status         int
		allowed        string
	}{
		{"a listed origin", []string{"https://a.example", "https://b.example"}, "GET", "https://b.example", 200, "https://b.example"},
		{"another origin", []string{"https://a.example"}, "GET", "https://evil.example", 200, ""},
		{"an origin that begins like a listed one", []string{"https://a.example"}, "GET", "https://a.example.evil.example", 200, ""},
		{"no origin", []string{"https://a.example"}, "GET", "", 200, ""},
		{"any origin", []string{"*"}, "GET", "https://evil.example", 200, "*"},
		{"none listed", nil, "GET", "https://a.example", 200, ""},
		{"a preflight", []string{"https://a.example"}, "OPTIONS", "https://a.example", 204, "https://a.example"},
		{"a preflight of another origin", []string{"https://a.example"}, "OPTIONS", "https://evil.example", 200, ""},
	} {
		r := request(test.method, "/api/v1/users", "")
		if test.origin != "" {
			r.Header.Set("Origin", test.origin)
		}
		if test.method == "OPTIONS" {
			r.Header.Set(preflight[0], preflight[1])
			r.Header.Set(preflight[2], preflight[3])
		}
		answer := through(door.New(door.Config{Origins: test.origins}), r, identity.Caller{})
		h := answer.Header()
		if answer.Code != test.status || h.Get("Access-Control-Allow-Origin") != test.allowed {
			t.Errorf("%s: %d, allowed %q", test.name, answer.Code, h.Get("Access-Control-Allow-Origin"))
		}
		if h.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s: asks for credentials", test.name)
		}
		if (answer.Code == 204) != (strings.Contains(h.Get("Access-Control-Allow-Headers"), "Idempotency-Key") && strings.Contains(h.Get("Access-Control-Allow-Methods"), "PUT")) {
			t.Errorf("%s: %v", test.name, h)
		}
		if len(test.origins) > 0 && h.Get("Vary") != "Origin" {
			t.Errorf("%s: varies by %q", test.name, h.Get("Vary"))
		}
	}
}

func TestRefusalsSpeakTheProtocol(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, method, target string
		headers              []string
		status               int
		contentType, part    string
	}{
		{"REST", "POST", "/api/v1/users", []string{"Content-Type", "application/json"}, 503, "application/problem+json", `"code":"unavailable"`},
		{"Connect", "POST", call, []string{"Content-Type", "application/json"}, 503, "application/json", `"code":"unavailable"`},
		{"Connect in binary", "POST", call, []string{"Content-Type", "application/proto"}, 503, "application/json", `"code":"unavailable"`},
		{"gRPC-Web", "POST", call, []string{"Content-Type", "application/grpc-web+proto"}, 200, "application/grpc-web+proto", ""},
		{"gRPC", "POST", call, []string{"Content-Type", "application/grpc"}, 200, "application/grpc", ""},
		{"a page", "GET", "/", nil, 503, "application/problem+json", `"instance":"/"`},
	} {
		d := door.New(door.Config{})
		d.Close()
		answer := through(d, request(test.method, test.target, "", test.headers...), identity.Caller{})
		if answer.Code != test.status || answer.Header().Get("Content-Type") != test.contentType || !strings.Contains(strings.ToLower(answer.Body.String()), test.part) {
			t.Errorf("%s: %d %v %q", test.name, answer.Code, answer.Header(), answer.Body)
		}
		if answer.Header().Get("Retry-After") != "1" || answer.Header().Get("Connection") != "close" {
			t.Errorf("%s: %v", test.name, answer.Header())
		}
	}
}

// Which of two counts is not for us to guess.
func TestHeadersThatComeTwice(t *testing.T) {
	t.Parallel()
	d := door.New(door.Config{})
	for _, name := range []string{"Authorization", "Content-Type", "Idempotency-Key"} {
		for _, target := range []string{"/api/v1/users", call} {
			r := request("POST", target, "{}", "Content-Type", "application/json")
			r.Header[name] = []string{"application/json", "application/json"}
			answer := through(d, r, identity.Caller{})
			if answer.Code != http.StatusBadRequest || !strings.Contains(answer.Body.String(), name) {
				t.Errorf("%s of %s: %d %s", name, target, answer.Code, answer.Body)
			}
		}
	}
}

func TestGRPCStatus(t *testing.T) {
	t.Parallel()
	for _, contentType := range []string{"application/grpc", "application/grpc-web"} {
		d := door.New(door.Config{})
		d.Close()
		answer := through(d, request("POST", call, "", "Content-Type", contentType), identity.Caller{}).Result()
		defer answer.Body.Close()
		if got := answer.Trailer.Get("Grpc-Status") + answer.Header.Get("Grpc-Status"); got != "14" {
			t.Errorf("%s: got the status %q in %v and %v", contentType, got, answer.Header, answer.Trailer)
		}
	}
}

// TestThoseInsideGoOn closes the door behind a request.
func TestThoseInsideGoOn(t *testing.T) {
	t.Parallel()
	d := door.New(door.Config{})
	entered, leave := make(chan struct{}), make(chan struct{})
	slow := d.Guard(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-leave
		fmt.Fprint(w, "done")
	}))
	answer, done := httptest.NewRecorder(), make(chan struct{})
	go func() {
		defer close(done)
		slow.ServeHTTP(answer, request("GET", "/", ""))
	}()
	<-entered
	d.Close()
	if late := through(d, request("GET", "/", ""), identity.Caller{}); late.Code != 503 {
		t.Errorf("a later request: %d", late.Code)
	}
	close(leave)
	<-done
	if answer.Code != 200 || answer.Body.String() != "done" {
		t.Errorf("the request inside: %d %s", answer.Code, answer.Body)
	}
}

func TestSize(t *testing.T) {
	t.Parallel()
	d := door.New(door.Config{MaxBytes: 10})
	known := request("POST", "/api/v1/users", strings.Repeat("x", 11))
	unknown := request("POST", "/api/v1/users", strings.Repeat("x", 11))
	unknown.ContentLength = -1
	fitting := request("POST", "/api/v1/users", strings.Repeat("x", 10))
	connect := request("POST", call, strings.Repeat("x", 11), "Content-Type", "application/json")
	upgrading := request("POST", "/api/v1/users", strings.Repeat("x", 11), "Upgrade", "websocket")
	streaming := request("POST", "/api/v1/users", strings.Repeat("x", 11), "Accept", "text/event-stream")
	framed := request("POST", call, strings.Repeat("x", 15), "Content-Type", "application/grpc")
	notACall := request("POST", "/api/v1/users", strings.Repeat("x", 15), "Content-Type", "application/grpc")
	for _, test := range []struct {
		r      *http.Request
		status int
		part   string
	}{{known, 413, "content_too_large"}, {unknown, 413, "too large"}, {fitting, 200, "inside"}, {connect, 429, "resource_exhausted"}, {upgrading, 413, "content_too_large"}, {streaming, 413, "content_too_large"}, {framed, 200, "inside"}, {notACall, 413, "content_too_large"}} {
		answer := through(d, test.r, identity.Caller{})
		if answer.Code != test.status || !strings.Contains(answer.Body.String(), test.part) {
			t.Errorf("%s with length %d: %d %s", test.r.URL, test.r.ContentLength, answer.Code, answer.Body)
		}
	}
}

func TestTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := door.New(door.Config{Timeout: 3 * time.Second})
		if left := through(d, request("GET", "/", ""), identity.Caller{}).Header().Get("Left"); left != "3s" {
			t.Errorf("a request has %q left", left)
		}
		if left := through(d, request("GET", "/", "", "Upgrade", "h2c"), identity.Caller{}).Header().Get("Left"); left != "3s" {
			t.Errorf("a request to speak something else has %q left", left)
		}
		for _, h := range [][]string{{"Upgrade", "websocket"}, {"Accept", "text/event-stream"}} {
			if left := through(d, request("GET", "/", "", h...), identity.Caller{}).Header().Get("Left"); left != "" {
				t.Errorf("%s: has %q left", h[1], left)
			}
		}
	})
}

func TestRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := door.New(door.Config{Rate: 0.5, Burst: 2})
		ada := identity.Caller{Subject: "ada"}
		get := func(c identity.Caller) *httptest.ResponseRecorder {
			return through(d, request("GET", "/api/v1/users", ""), c)
		}
		for range 2 {
			if answer := get(ada); answer.Code != 200 {
				t.Fatalf("within the limit: %d", answer.Code)
			}
		}
		refused := get(ada)
		if refused.Code != 429 || refused.Header().Get("Retry-After") != "2" || !strings.Contains(refused.Body.String(), "resource_exhausted") {
			t.Errorf("beyond the limit: %d %v %s", refused.Code, refused.Header(), refused.Body)
		}
		if answer := through(d, request("POST", call, "{}", "Content-Type", "application/json"), ada); answer.Code != 429 || answer.Header().Get("Retry-After") != "2" {
			t.Errorf("another protocol has a limit of its own: %d %v", answer.Code, answer.Header())
		}
		for _, other := range []identity.Caller{{Subject: "ben"}, {}} {
			if answer := get(other); answer.Code != 200 {
				t.Errorf("%s: %d", other.Name(), answer.Code)
			}
		}
		for range 9 {
			if answer := get(identity.Caller{Service: "quiz"}); answer.Code != 200 {
				t.Fatalf("a context: %d", answer.Code)
			}
		}
		time.Sleep(2 * time.Second)
		if answer := get(ada); answer.Code != 200 {
			t.Errorf("after the time that Retry-After said: %d", answer.Code)
		}
		if answer := get(ada); answer.Code != 429 {
			t.Errorf("one more: %d", answer.Code)
		}
	})
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	type hop struct{ peer, forwarded string }
	for _, test := range []struct {
		name          string
		first, second hop
		same          bool
	}{
		{"two ports of one address", hop{"1.2.3.4:1", ""}, hop{"1.2.3.4:2", ""}, true},
		{"two addresses", hop{"1.2.3.4:1", ""}, hop{"1.2.3.5:1", ""}, false},
		{"what a stranger claims", hop{"1.2.3.4:1", "9.9.9.9"}, hop{"1.2.3.4:1", "8.8.8.8"}, true},
		{"what a proxy says", hop{"10.0.0.1:1", "9.9.9.9"}, hop{"10.0.0.1:1", "8.8.8.8"}, false},
		{"two proxies", hop{"10.0.0.1:1", "9.9.9.9"}, hop{"10.0.0.2:1", "9.9.9.9, 10.0.0.1"}, true},
		{"what a client tells a proxy", hop{"10.0.0.1:1", "7.7.7.7, 9.9.9.9"}, hop{"10.0.0.1:1", "6.6.6.6, 9.9.9.9"}, true},
		{"one network of IPv6", hop{"[2001:db8::1]:1", ""}, hop{"[2001:db8::ffff:2]:1", ""}, true},
		{"two networks of IPv6", hop{"[2001:db8::1]:1", ""}, hop{"[2001:db8:0:1::1]:1", ""}, false},
		{"IPv4 in IPv6", hop{"[::ffff:1.2.3.4]:1", ""}, hop{"1.2.3.4:1", ""}, true},
		{"what a client tells two proxies", hop{"10.0.0.1:1", "10.9.9.9, 9.9.9.9, 10.0.0.2"}, hop{"10.0.0.1:1", "10.8.8.8, 9.9.9.9, 10.0.0.2"}, true},
		{"an address with its port", hop{"10.0.0.1:1", "9.9.9.9:4711"}, hop{"10.0.0.2:1", "9.9.9.9:4712"}, true},
		{"an address that is none", hop{"10.0.0.1:1", "unknown"}, hop{"10.0.0.1:1", ""}, true},
	} {
		d := door.New(door.Config{Rate: 0.001, Burst: 1, Proxies: proxies})
		var codes []int
		for _, h := range []hop{test.first, test.second} {
			r := request("GET", "/", "")
			r.RemoteAddr = h.peer
			if h.forwarded != "" {
				r.Header.Set("X-Forwarded-For", h.forwarded)
			}
			codes = append(codes, through(d, r, identity.Caller{}).Code)
		}
		if want := map[bool]int{true: 429, false: 200}[test.same]; codes[0] != 200 || codes[1] != want {
			t.Errorf("%s: %v", test.name, codes)
		}
	}
}

// TestWhatIsBehindKnowsTheAddress holds for everything that the door guards,
// and a context that serves plain HTTP asks nothing else.
func TestWhatIsBehindKnowsTheAddress(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, peer, forwarded string
		proxies               []netip.Prefix
		want                  string
	}{
		{"no proxy", "1.2.3.4:5", "", nil, "1.2.3.4"},
		{"a forged header without a proxy", "1.2.3.4:5", "9.9.9.9", nil, "1.2.3.4"},
		{"a proxy", "10.0.0.1:5", "9.9.9.9", []netip.Prefix{netip.MustParsePrefix("10.0.0.1/32")}, "9.9.9.9"},
		{"a forged header before a proxy", "10.0.0.1:5", "8.8.8.8, 9.9.9.9", []netip.Prefix{netip.MustParsePrefix("10.0.0.1/32")}, "9.9.9.9"},
		{"another machine that says it is a proxy", "10.0.0.2:5", "9.9.9.9", []netip.Prefix{netip.MustParsePrefix("10.0.0.1/32")}, "10.0.0.2"},
		{"IPv6 behind a proxy", "10.0.0.1:5", "2001:db8::1:2", []netip.Prefix{netip.MustParsePrefix("10.0.0.1/32")}, "2001:db8::/64"},
	} {
		var got string
		h := door.New(door.Config{Proxies: test.proxies}).Guard(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = identity.Address(r.Context()) }))
		r := request("GET", "/oauth/login", "")
		r.RemoteAddr = test.peer
		if test.forwarded != "" {
			r.Header.Set("X-Forwarded-For", test.forwarded)
		}
		h.ServeHTTP(httptest.NewRecorder(), r)
		if got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

func TestBadTokensAreLimited(t *testing.T) {
	t.Parallel()
	d := door.New(door.Config{Rate: 0.001, Burst: 1})
	var codes []int
	for range 2 {
		answer := httptest.NewRecorder()
		d.Unknown(answer, request("GET", "/api/v1/users", ""), problem.New("unauthenticated", "the access token has expired"))
		codes = append(codes, answer.Code)
	}
	if codes[0] != 401 || codes[1] != 429 {
		t.Errorf("got %v, want 401 and then 429", codes)
	}
}

func TestLimiterForgets(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := door.NewLimiter(1, 1)
		for i := range 300_000 {
			if wait := l.Take(fmt.Sprint(i)); wait != 0 {
				t.Fatalf("caller %d has to wait %v", i, wait)
			}
		}
		if n := door.Buckets(l); n > 100_000 {
			t.Errorf("the limiter remembers %d callers", n)
		}
		if wait := l.Take("299999"); wait != time.Second {
			t.Errorf("the newest caller has to wait %v", wait)
		}
		time.Sleep(2 * time.Second)
		l.Take("later")
		if n := door.Buckets(l); n > 1 {
			t.Errorf("after a while the limiter remembers %d callers", n)
		}
	})
}
