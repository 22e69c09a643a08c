package realtime

import (
	"context"
	"strings"

	"github.com/pulselearn/campus-hub/platform/identity"
	"github.com/pulselearn/campus-hub/platform/realtime/feed"
	"github.com/pulselearn/campus-hub/platform/realtime/presence"
)

// ShowsPresence tells whether people can ask who listens to some channel, so
// that [presence.Topic] is needed.
func (r *Routes) ShowsPresence() bool {
	for i := range r.Families {
		if r.Families[i].Presence {
			return true
		}
	}
	return false
}

// startPresence begins to know who listens, where channels show it.
func (s *Server) startPresence(ctx context.Context) error {
	if !s.cfg.Routes.ShowsPresence() {
		return nil
	}
	var err error
	s.presence, err = presence.New(presence.Config{Conn: s.cfg.Conn, Logger: s.cfg.Logger, Frame: Frame})
	if err == nil {
		s.running.Go(func() { s.presence.Run(ctx) })
	}
	return err
}

// PresenceStats returns what is known of who listens, and false where no
// channel shows it.
func (s *Server) PresenceStats() (presence.Stats, bool) {
	if s.presence == nil {
		return presence.Stats{}, false
	}
	return s.presence.Stats(), true
}

// shows tells whether the channel shows who listens to it.
func (s *Server) shows(channel string) bool {
	family, _, _ := strings.Cut(channel, ":")
	f := s.families[family]
	return f != nil && f.Presence
}

// enter tells the others that somebody has come, and the session who is there
// if it asks.
func (c *session) enter(s *feed.Subscription, caller *identity.Caller, asks bool) {
	if !c.server.shows(s.Channel()) {
		return
	}
	c.server.presence.Join(s.Channel(), caller.Subject)
	if asks {
		c.server.presence.Watch(s.Channel(), c)
	}
}

// leave ends a subscription, once, and tells the others.
func (c *session) leave(s *feed.Subscription, caller *identity.Caller) {
	s.Unsubscribe()
	if c.server.shows(s.Channel()) {
		c.server.presence.Unwatch(s.Channel(), c)
		c.server.presence.Part(s.Channel(), caller.Subject)
	}
}

// Tell implements [presence.Watcher]. A client that reads too slowly is told
// anew when it reads again.
func (c *session) Tell(f []byte) { c.conn.Offer(c.conn.Refusals(), f) }
