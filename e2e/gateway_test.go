//go:build unix

package e2e

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"github.com/coder/websocket"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	achievementv1event "github.com/pulselearn/campus-hub/gen/event/achievement/v1"
	authv1event "github.com/pulselearn/campus-hub/gen/event/auth/v1"
	enrollmentv1event "github.com/pulselearn/campus-hub/gen/event/enrollment/v1"
	notificationv1event "github.com/pulselearn/campus-hub/gen/event/notification/v1"
	quizv1 "github.com/pulselearn/campus-hub/gen/proto/pl/quiz/v1"
	"github.com/pulselearn/campus-hub/gen/proto/pl/quiz/v1/quizv1connect"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/identity"
	"github.com/pulselearn/campus-hub/platform/realtime"
	"github.com/pulselearn/campus-hub/platform/rpc"
)

// A front is a gateway before contexts in processes of their own.
type front struct {
	*deployment
	gateway *program
}

// contexts are all that the gateway serves.
var contexts = []string{"achievement", "auth", "billing", "course", "enrollment", "notification", "payment", "quiz", "userprofile"}

// newFront starts a broker, the processes of course, quiz and userprofile, and
// the gateway. The other contexts are away.
func newFront(t *testing.T) *front {
	t.Helper()
	s := newStand(t)
	f := &front{deployment: &deployment{stand: s, t: t, services: map[string]*program{}}}
	f.broker = s.hub(t, "broker")
	f.startBroker()
	dir := build(t, "", services...)
	for _, name := range []string{"course", "quiz", "userprofile"} {
		f.services[name] = f.service(name, name, filepath.Join(dir, name))
		f.services[name].startReady()
	}
	f.createTopics(achievementv1event.BadgeAwardedType, achievementv1event.ProgressChangedType, authv1event.SessionExpiredType,
		enrollmentv1event.GrantedType, notificationv1event.NotificationCreatedType)
	f.gateway = f.service("gateway", "gateway", filepath.Join(build(t, "", "gateway"), "gateway"))
	f.gateway.set("PL_PROVISION=false", "PL_LOG_LEVEL=info")
	for _, name := range contexts {
		url := "http://127.0.0.1:1"
		if p := f.services[name]; p != nil {
			url = p.url()
		}
		f.gateway.set("PL_CALLS_" + strings.ToUpper(name) + "=" + url)
	}
	f.gateway.startReady()
	return f
}

// createTopics creates what people can listen to of contexts that are away.
func (f *front) createTopics(types ...*event.Type) {
	f.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(f.kafka()))
	if err != nil {
		f.t.Fatal(err)
	}
	defer client.Close()
	for _, typ := range types {
		_, err := kadm.NewClient(client).CreateTopic(f.t.Context(), int32(typ.Partitions), 1, nil, typ.Topic)
		if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
			f.t.Fatalf("create %s: %v", typ.Topic, err)
		}
	}
}

// A question is GetQuiz by one of the protocols, with a token: it returns the
// status or code, and the text of the answer.
type question func(t *testing.T, url, quiz, token string) (refused bool, text string)

func ask(t *testing.T, method, url, body, token string) (refused bool, text string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != http.StatusOK && res.StatusCode != http.StatusUnauthorized || (res.StatusCode == http.StatusOK) != (res.Header.Get("WWW-Authenticate") == "") {
		t.Errorf("%s %s: %s %v", method, url, res.Status, res.Header)
	}
	return res.StatusCode == http.StatusUnauthorized, string(answer)
}

func overRPC(client *http.Client, options ...connecthttp.Option) question {
	return func(t *testing.T, url, quiz, token string) (bool, string) {
		t.Helper()
		quizzes := quizv1connect.NewQuizServiceClient(connect.NewClient(connecthttp.NewTransport(client, url, options...), rpc.Bearer(token)))
		got, err := quizzes.GetQuiz(t.Context(), &quizv1.GetQuizRequest{QuizId: quiz})
		if err != nil && connect.CodeOf(err) != connect.CodeUnauthenticated {
			t.Errorf("got %v", err)
		}
		return err != nil, fmt.Sprint(got, err)
	}
}

// questions are the ways to ask.
var questions = map[string]question{
	"REST": func(t *testing.T, url, quiz, token string) (bool, string) {
		t.Helper()
		return ask(t, http.MethodGet, url+"/api/v1/quizzes/"+quiz, "", token)
	},
	"GraphQL": func(t *testing.T, url, quiz, token string) (bool, string) {
		t.Helper()
		return ask(t, http.MethodPost, url+"/graphql", fmt.Sprintf(`{"query":"query($id: ID!) { getQuiz(quizId: $id) { quiz { id } } }","variables":{"id":%q}}`, quiz), token)
	},
	"Connect":  overRPC(http.DefaultClient),
	"gRPC":     overRPC(&http.Client{Transport: &http.Transport{Protocols: withoutTLS()}}, connecthttp.WithGRPC()),
	"gRPC-Web": overRPC(http.DefaultClient, connecthttp.WithGRPCWeb()),
	"a websocket's header": func(t *testing.T, url, quiz, token string) (bool, string) {
		t.Helper()
		ws, res, err := websocket.Dial(t.Context(), url+"/realtime",
			&websocket.DialOptions{Subprotocols: []string{realtime.Subprotocol}, HTTPHeader: http.Header{"Authorization": {"Bearer " + token}}})
		if err != nil {
			body, _ := io.ReadAll(res.Body)
			return res.StatusCode == http.StatusUnauthorized, string(body)
		}
		return false, getQuizBy(&live{t: t, ws: ws}, quiz)
	},
	"a websocket's first frame": func(t *testing.T, url, quiz, token string) (bool, string) {
		t.Helper()
		ws, _, err := websocket.Dial(t.Context(), url+"/realtime", &websocket.DialOptions{Subprotocols: []string{realtime.Subprotocol}})
		if err != nil {
			t.Fatal(err)
		}
		l := &live{t: t, ws: ws}
		l.send(map[string]any{"type": "auth", "token": token})
		if _, _, err := ws.Read(t.Context()); err != nil {
			return websocket.CloseStatus(err) == websocket.StatusCode(realtime.CloseUnauthenticated), err.Error()
		}
		return false, getQuizBy(l, quiz)
	},
}

func getQuizBy(l *live, quiz string) string {
	l.t.Helper()
	defer func() { _ = l.ws.CloseNow() }()
	l.send(map[string]any{"type": "call", "id": "1", "procedure": "/pl.quiz.v1.QuizService/GetQuiz", "request": map[string]any{"quizId": quiz}})
	text, err := json.Marshal(l.await("answer"))
	if err != nil {
		l.t.Fatal(err)
	}
	return string(text)
}

// TestGateway has people call contexts in other processes through a process
// that has none, in every protocol: in their own names, with the contracts'
// rules, and with no token that proves nothing.
func TestGateway(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	c := newCampus(t, func(string) string { return f.gateway.url() })
	k := c.newClass("gateway", len(submissions), 1)
	quiz := k.quizzes[0].GetQuiz().GetId()
	student := identity.Caller{Subject: k.students[0], Roles: []string{identity.Student}}
	good, err := issuer.Token(student)
	if err != nil {
		t.Fatal(err)
	}
	for _, way := range slices.Sorted(maps.Keys(questions)) {
		if refused, text := questions[way](t, f.gateway.url(), quiz, good); refused || !strings.Contains(text, quiz) {
			t.Errorf("%s: %s", way, text)
		}
		for name, forged := range forgeries(t, student.Subject) {
			if refused, text := questions[way](t, f.gateway.url(), quiz, forged.token); !refused || !strings.Contains(text, forged.says) {
				t.Errorf("%s, %s: refused %v, want that it says %q: %s", way, name, refused, forged.says, text)
			}
		}
	}
	for i, way := range slices.Sorted(maps.Keys(submissions)) {
		own := identity.Caller{Subject: k.students[i], Roles: []string{identity.Student}}
		submissions[way](&submission{t, f.gateway.url(), own, "", k.submission(i, 0, true, time.Now())})
	}
	f.othersAreRefused(k)
	f.servicesAreKnown()
}

// othersAreRefused submits in the name of another student.
func (f *front) othersAreRefused(k *class) {
	f.t.Helper()
	request := k.submission(0, 0, true, time.Now())
	other := identity.Caller{Subject: k.students[1], Roles: []string{identity.Student}}
	s := &submission{f.t, f.gateway.url(), other, "", request}
	const rule = "a student whose own id is student_id"
	for path, body := range map[string]any{
		submitQuiz: s.json(),
		"/api/v1/quizzes/" + request.GetQuizId() + "/attempts": map[string]any{"studentId": request.GetStudentId(), "answers": []any{}},
		"/graphql": map[string]any{
			"query":     "mutation($input: SubmitQuizInput!) { submitQuiz(input: $input) { __typename } }",
			"variables": map[string]any{"input": s.json()},
		},
	} {
		text, err := json.Marshal(body)
		if err != nil {
			f.t.Fatal(err)
		}
		r, err := http.NewRequestWithContext(f.t.Context(), http.MethodPost, s.url+path, bytes.NewReader(text))
		if err != nil {
			f.t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		authorize(f.t, r, other)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			f.t.Fatal(err)
		}
		answer, err := io.ReadAll(res.Body)
		res.Body.Close()
		if want := map[bool]int{true: http.StatusOK, false: http.StatusForbidden}[path == "/graphql"]; err != nil || res.StatusCode != want || !bytes.Contains(answer, []byte(rule)) {
			f.t.Errorf("%s: %s %s, %v; want %d and the rule", path, res.Status, answer, err, want)
		}
	}
	token, err := issuer.Token(other)
	if err != nil {
		f.t.Fatal(err)
	}
	l := openRealtime(f.t, s.url, token)
	l.send(map[string]any{"type": "call", "id": "1", "procedure": submitQuiz, "request": s.json()})
	if answer := fmt.Sprint(l.await("answer")); !strings.Contains(answer, "permission_denied") || !strings.Contains(answer, rule) {
		f.t.Errorf("a websocket: %s", answer)
	}
}

// A forgery is a token that proves nothing, and what the refusal says.
type forgery struct{ token, says string }

func forgeries(t *testing.T, subject string) map[string]forgery {
	t.Helper()
	signed := func(change func(claims map[string]any)) string {
		claims := issuer.Claims(subject, identity.Student)
		change(claims)
		token, err := issuer.Sign(claims)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	payload, err := json.Marshal(issuer.Claims(subject, identity.Student))
	if err != nil {
		t.Fatal(err)
	}
	logout, err := issuer.SignRaw(payload, map[string]any{"kid": issuer.KeyID, "typ": "logout+jwt"})
	if err != nil {
		t.Fatal(err)
	}
	_, public, err := get(t.Context(), issuer.URL+"/keys")
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	unsigned := func(alg string) string {
		return encode(fmt.Appendf(nil, `{"alg":%q,"typ":"at+jwt","kid":%q}`, alg, issuer.KeyID)) + "." + encode(payload)
	}
	mac := hmac.New(sha256.New, []byte(public))
	mac.Write([]byte(unsigned("HS256")))
	ofServices, err := identity.NewServices(serviceSecret)
	if err != nil {
		t.Fatal(err)
	}
	elsewhere, err := ofServices.Token("quiz", "course")
	if err != nil {
		t.Fatal(err)
	}
	return map[string]forgery{
		"expired": {signed(func(c map[string]any) {
			c["exp"], c["iat"], c["nbf"] = time.Now().Add(-time.Minute).Unix(), time.Now().Add(-time.Hour).Unix(), time.Now().Add(-time.Hour).Unix()
		}), "has expired"},
		"no algorithm":                {unsigned("none") + ".", "another algorithm than RS256, ES256 and EdDSA"},
		"HS256 with the public key":   {unsigned("HS256") + "." + encode(mac.Sum(nil)), "the access token "},
		"another audience":            {signed(func(c map[string]any) { c["aud"] = "another" }), "another audience than pulselearn"},
		"another issuer":              {signed(func(c map[string]any) { c["iss"] = "https://evil.example" }), "another issuer than " + issuer.URL},
		"another typ":                 {logout, "typ other than at+jwt and JWT"},
		"another signature":           {otherSignature(signed(func(map[string]any) {})), "a signature that is not that of its issuer"},
		"a service, of other context": {elsewhere, "the access token "},
	}
}

// otherSignature returns a token with a byte of its signature changed.
func otherSignature(token string) string {
	last := strings.LastIndexByte(token, '.') + 1
	replaced := byte('A')
	if token[last] == replaced {
		replaced = 'B'
	}
	return token[:last] + string(replaced) + token[last+1:]
}

// servicesAreKnown shows a process the tokens of services with other secrets,
// and starts processes that could not make any.
func (f *front) servicesAreKnown() {
	f.t.Helper()
	for name, test := range map[string]struct{ secret, to, says string }{
		"another secret":  {strings.Repeat("another secret", 3), "userprofile", "was not made with the secret of the services here"},
		"another context": {serviceSecret, "course", "another audience than userprofile"},
	} {
		made, err := identity.NewServices(test.secret)
		if err != nil {
			f.t.Fatal(err)
		}
		token, err := made.Token("achievement", test.to)
		if err != nil {
			f.t.Fatal(err)
		}
		refused, text := ask(f.t, http.MethodPost, f.services["userprofile"].url()+"/pl.userprofile.v1.UserProfileService/GetUser", `{"userId":"x"}`, token)
		if !refused || !strings.Contains(text, test.says) {
			f.t.Errorf("%s: %s", name, text)
		}
	}
	for name, test := range map[string]struct{ secret, says string }{
		"no-secret":    {"", "PL_SERVICE_SECRET: needed, because userprofile is called in another process"},
		"short-secret": {"short", "PL_SERVICE_SECRET: has 5 bytes and needs at least 32"},
	} {
		p := f.service(name, "achievement", filepath.Join(build(f.t, "", services...), "achievement"))
		p.set("PL_CALLS_USERPROFILE="+f.services["userprofile"].url(), "PL_SERVICE_SECRET="+test.secret)
		if code := p.start().exit(f.t, 20*time.Second); code != 2 || !strings.Contains(p.log.tail(5), test.says) {
			f.t.Errorf("%s: exit code %d, and\n%s", name, code, p.log.tail(5))
		}
	}
}
