//go:build unix

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/pulselearn/campus-hub/platform/identity"
)

// TestGraphQLSubscriptions has students listen through graphql-transport-ws
// while one completes a quiz: the badge comes with its types to whom it is for,
// and once more to whoever goes on behind an earlier position.
func TestGraphQLSubscriptions(t *testing.T) {
	t.Parallel()
	hub := newStand(t).hub(t)
	hub.startReady()
	c := newCampus(t, func(string) string { return hub.url() })
	k := c.newClass("graphql", 2, 2)
	ada, ben := k.students[0], k.students[1]
	own, other := dialGraphQL(t, hub, ada), dialGraphQL(t, hub, ben)
	own.subscribe("badges", `subscription { badgeAwarded { _id _position studentId studentName badgeId kind points score
		course { courseId title } awardedBy { userId } awardedOn occurredAt } }`)
	own.subscribe("progress", `subscription($c: ID!) { progressChanged(courseId: $c) { studentId quizzesCompleted } }`, "c", k.course.GetId())
	own.subscribe("quizzes", `subscription { quizCompleted { _position quizId } }`)
	other.subscribe("1", `subscription($s: ID) { badgeAwarded(studentId: $s) { badgeId } }`, "s", ada)
	if m := other.await("1"); !strings.Contains(string(m.Payload), "PERMISSION_DENIED") {
		t.Errorf("another student's badges: %s %s", m.Type, m.Payload)
	}
	own.subscribe("deep", `subscription { coursePublished(courseId: "x") { outline { `+strings.Repeat("children { ", 12)+"title"+strings.Repeat(" }", 14)+` }`)
	if m := own.await("deep"); !strings.Contains(string(m.Payload), "DEPTH_LIMIT_EXCEEDED") {
		t.Errorf("too deep: %s %s", m.Type, m.Payload)
	}
	own.settled()
	begin := time.Now().Add(-time.Hour)
	_, err := c.quizzes.SubmitQuiz(withKey(asStudent(t.Context(), ada), "first"), k.submission(0, 0, true, begin))
	c.must("submit a quiz", err)

	first := own.position("quizzes", "quizCompleted")
	var badge struct {
		ID, StudentID, BadgeID, Kind, AwardedOn, OccurredAt string
		StudentName, AwardedBy                              any
		Points                                              int
		Score                                               float64
		Course                                              struct{ CourseID, Title string }
	}
	own.event("badges", "badgeAwarded", &badge)
	if badge.StudentID != ada || badge.BadgeID == "" || badge.Points == 0 || badge.Score != 1 || badge.Course.CourseID != k.course.GetId() ||
		badge.Course.Title != "Algebra I" || badge.AwardedOn != time.Now().UTC().Format(time.DateOnly) || badge.Kind == "" || badge.AwardedBy != nil {
		t.Errorf("got %+v", badge)
	}

	_ = own.ws.CloseNow()
	_, err = c.quizzes.SubmitQuiz(withKey(asStudent(t.Context(), ada), "second"), k.submission(0, 1, true, begin))
	c.must("submit a quiz while nobody listens", err)
	again := dialGraphQL(t, hub, ada)
	again.subscribe("quizzes", `subscription($p: String) { quizCompleted(after: $p) { _position quizId } }`, "p", first)
	var missed struct{ QuizID string }
	if again.event("quizzes", "quizCompleted", &missed); missed.QuizID != k.quizzes[1].GetQuiz().GetId() {
		t.Errorf("behind the position comes %+v", missed)
	}

	hub.signal(syscall.SIGTERM)
	for _, g := range []*subscriber{again, other} {
		if code := g.closed(); code != websocket.StatusGoingAway {
			t.Errorf("a draining hub closes with %d", code)
		}
	}
}

// A subscriber is one person's websocket for GraphQL, in the frames of
// graphql-transport-ws.
type subscriber struct {
	t     *testing.T
	ws    *websocket.Conn
	early map[string][]graphFrame // read while another id was awaited
}

type graphFrame struct {
	ID, Type string
	Payload  json.RawMessage
}

func dialGraphQL(t *testing.T, hub *program, student string) *subscriber {
	t.Helper()
	token, err := issuer.Token(identity.Caller{Subject: student, Roles: []string{identity.Student}})
	if err != nil {
		t.Fatal(err)
	}
	ws, _, err := websocket.Dial(t.Context(), hub.url()+"/graphql", &websocket.DialOptions{Subprotocols: []string{"graphql-transport-ws"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ws.CloseNow() })
	g := &subscriber{t: t, ws: ws, early: map[string][]graphFrame{}}
	g.send(map[string]any{"type": "connection_init", "payload": map[string]string{"Authorization": "Bearer " + token}})
	if m := g.await(""); m.Type != "connection_ack" {
		t.Fatalf("got %+v", m)
	}
	return g
}

// subscribe begins an operation with variables, in pairs of name and value.
func (g *subscriber) subscribe(id, query string, pairs ...string) {
	g.t.Helper()
	variables := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		variables[pairs[i]] = pairs[i+1]
	}
	g.send(map[string]any{"id": id, "type": "subscribe", "payload": map[string]any{"query": query, "variables": variables}})
}

// settled returns when what was sent before has had time to begin: the protocol
// does not say when a subscription has, and events take far longer to come than
// the answers to three queries.
func (g *subscriber) settled() {
	g.t.Helper()
	for i := range 3 {
		g.subscribe(fmt.Sprint("query", i), `{ __typename }`)
		g.await(fmt.Sprint("query", i))
	}
}

func (g *subscriber) send(frame any) {
	g.t.Helper()
	text, err := json.Marshal(frame)
	if err != nil {
		g.t.Fatal(err)
	}
	if err := g.ws.Write(g.t.Context(), websocket.MessageText, text); err != nil {
		g.t.Fatal(err)
	}
}

// await returns the next frame of an operation.
func (g *subscriber) await(id string) graphFrame {
	g.t.Helper()
	if waiting := g.early[id]; len(waiting) > 0 {
		g.early[id] = waiting[1:]
		return waiting[0]
	}
	ctx, cancel := context.WithTimeout(g.t.Context(), 30*time.Second)
	defer cancel()
	for {
		_, text, err := g.ws.Read(ctx)
		if err != nil {
			g.t.Fatalf("wait for %q: %v", id, err)
		}
		var m graphFrame
		if err := json.Unmarshal(text, &m); err != nil {
			g.t.Fatal(err)
		}
		if m.ID == id && m.Type != "ping" && m.Type != "pong" {
			return m
		}
		g.early[m.ID] = append(g.early[m.ID], m)
	}
}

// event reads the next event of an operation.
func (g *subscriber) event(id, field string, to any) {
	g.t.Helper()
	m := g.await(id)
	var answer struct {
		Data   map[string]json.RawMessage
		Errors json.RawMessage
	}
	if err := json.Unmarshal(m.Payload, &answer); err != nil || m.Type != "next" || answer.Errors != nil {
		g.t.Fatalf("%s: %s %s %v", id, m.Type, m.Payload, err)
	}
	if err := json.Unmarshal(answer.Data[field], to); err != nil {
		g.t.Fatal(err)
	}
}

func (g *subscriber) position(id, field string) string {
	g.t.Helper()
	var at struct {
		Position string `json:"_position"`
	}
	g.event(id, field, &at)
	return at.Position
}

// closed reads until the server closes, and returns its code.
func (g *subscriber) closed() websocket.StatusCode {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), 30*time.Second)
	defer cancel()
	for {
		if _, _, err := g.ws.Read(ctx); err != nil {
			var closed websocket.CloseError
			if !errors.As(err, &closed) {
				g.t.Fatalf("not closed in order: %v", err)
			}
			return closed.Code
		}
	}
}
