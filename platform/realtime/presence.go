package realtime

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/pulselearn/campus-hub/platform/identity"
	"github.com/pulselearn/campus-hub/platform/realtime/feed"
)

// A presence knows who listens to the channels of families that declare it, in
// this process.
type presence struct {
	mu       sync.Mutex
	channels map[string]*attendance
}

// An attendance is who listens to one channel: by person, with how many
// sessions.
type attendance struct {
	people   map[string]int
	sessions map[*session]struct{}
}

func newPresence() *presence { return &presence{channels: map[string]*attendance{}} }

func (s *Server) watched(channel string) bool {
	family, _, _ := strings.Cut(channel, ":")
	f := s.families[family]
	return f != nil && f.Presence
}

// enter tells the others that somebody has joined, and the session who is
// there.
func (c *session) enter(s *feed.Subscription, caller *identity.Caller) {
	if c.server.watched(s.Channel()) {
		c.server.presence.join(s.Channel(), caller.Subject, c)
	}
}

// leave ends a subscription and tells the others.
func (c *session) leave(s *feed.Subscription, caller *identity.Caller) {
	s.Unsubscribe()
	if caller != nil && c.server.watched(s.Channel()) {
		c.server.presence.part(s.Channel(), caller.Subject, c)
	}
}

func (p *presence) join(channel, person string, c *session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	a := p.channels[channel]
	if a == nil {
		a = &attendance{people: map[string]int{}, sessions: map[*session]struct{}{}}
		p.channels[channel] = a
	}
	if a.people[person]++; a.people[person] == 1 {
		a.tell(presenceMessage{Type: "presence", Channel: channel, Count: len(a.people), Joined: []string{person}})
	}
	a.sessions[c] = struct{}{}
	c.conn.Send(encode(presenceMessage{
		Type: "presence", Channel: channel, Count: len(a.people), Members: a.some(),
	}))
}

func (p *presence) part(channel, person string, c *session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	a := p.channels[channel]
	if a == nil {
		return
	}
	if _, there := a.sessions[c]; !there {
		return
	}
	delete(a.sessions, c)
	if a.people[person]--; a.people[person] > 0 {
		return
	}
	delete(a.people, person)
	if len(a.people) == 0 {
		delete(p.channels, channel)
		return
	}
	a.tell(presenceMessage{Type: "presence", Channel: channel, Count: len(a.people), Left: []string{person}})
}

// maxMembers is how many people a newcomer is told by name.
const maxMembers = 100

func (a *attendance) some() []string {
	names := slices.Sorted(maps.Keys(a.people))
	return names[:min(len(names), maxMembers)]
}

// tell offers a message to all who are there. One who reads too slowly goes
// without it.
func (a *attendance) tell(m presenceMessage) {
	f := encode(m)
	for c := range a.sessions {
		c.conn.Offer(c.conn.Refusals(), f)
	}
}
