package presence

import (
	"encoding/json"
	"maps"
	"slices"
	"time"
)

const (
	// joinAfter and leaveAfter are for how long somebody has to be there or away
	// before watchers are told. One who goes to another instance is away from
	// when the one says so until the other does.
	joinAfter  = interval
	leaveAfter = 2 * interval
	// maxListed is from how many people on a channel gives the count alone, and
	// crowdEvery how often.
	maxListed  = 100
	crowdEvery = 5 * time.Second
)

// A message is what watchers are sent.
type message struct {
	Type    string   `json:"type"`
	Channel string   `json:"channel"`
	Count   int      `json:"count"`
	Members []string `json:"members,omitempty"`
	Joined  []string `json:"joined,omitempty"`
	Left    []string `json:"left,omitempty"`
}

// A room is a channel that is watched here, with the people of all instances.
type room struct {
	channel  string
	people   map[string]member
	unsaid   map[string]time.Time // who differs from what was told, and since when
	count    int                  // who are told to be there
	watchers map[Watcher]struct{}
	owed     bool      // the count was not told yet
	crowded  bool      // the count alone was told last
	next     time.Time // when it may be told again
}

type member struct {
	instances int32
	told      bool
}

// Watch tells the watcher who is on the channel, and from now on who comes and
// goes.
func (r *Roll) Watch(channel string, w Watcher) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.rooms[channel]
	if m == nil {
		m = r.open(channel)
	}
	m.watchers[w] = struct{}{}
	w.Tell(r.frame(m.everybody()))
}

// Again tells a watcher anew who is there. Whoever does not watch the channel
// is told nothing.
func (r *Roll) Again(channel string, w Watcher) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.rooms[channel]
	if m == nil {
		return
	}
	if _, watches := m.watchers[w]; watches {
		w.Tell(r.frame(m.everybody()))
	}
}

// Unwatch ends what Watch began, if it did.
func (r *Roll) Unwatch(channel string, w Watcher) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.rooms[channel]
	if m == nil {
		return
	}
	delete(m.watchers, w)
	if len(m.watchers) == 0 {
		delete(r.rooms, channel)
		delete(r.stirred, m)
	}
}

// open makes the room of a channel, of what is known.
func (r *Roll) open(channel string) *room {
	m := &room{channel: channel, people: map[string]member{}, unsaid: map[string]time.Time{}, watchers: map[Watcher]struct{}{}}
	for person, a := range r.here[channel] {
		if a.sessions > 0 {
			m.admit(person)
		}
	}
	for _, p := range r.peers {
		for person := range p.channels[channel] {
			m.admit(person)
		}
	}
	m.count, m.crowded = len(m.people), len(m.people) > maxListed
	r.rooms[channel] = m
	return m
}

func (m *room) admit(person string) {
	a := m.people[person]
	m.people[person] = member{a.instances + 1, true}
}

// adjust counts on how many instances somebody is.
func (r *Roll) adjust(channel, person string, by int32) {
	m := r.rooms[channel]
	if m == nil {
		return
	}
	a := m.people[person]
	before := a.instances > 0
	a.instances += by
	m.people[person] = a
	switch now := a.instances > 0; {
	case now == before:
	case now != a.told:
		m.unsaid[person] = time.Now()
		r.stirred[m] = struct{}{}
	default:
		delete(m.unsaid, person)
		if !now {
			delete(m.people, person)
		}
	}
}

// tell lets go of instances that are silent, and tells watchers what has
// changed.
func (r *Roll) tell(now time.Time) {
	for _, n := range r.news(now) {
		for _, w := range n.to {
			w.Tell(n.frame)
		}
	}
}

type notice struct {
	frame []byte
	to    []Watcher
}

func (r *Roll) news(now time.Time) []notice {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expire(now)
	var all []notice
	for m := range r.stirred {
		if text, ok := m.news(now); ok {
			all = append(all, notice{r.frame(text), slices.Collect(maps.Keys(m.watchers))})
		}
		if len(m.unsaid) == 0 && !m.owed {
			delete(r.stirred, m)
		}
	}
	return all
}

// news returns what is to be told of a room, if anything.
func (m *room) news(now time.Time) (message, bool) {
	joined, left := m.settle(now)
	m.count += len(joined) - len(left)
	m.owed = m.owed || len(joined)+len(left) > 0
	news := m.message()
	switch {
	case !m.owed:
		return news, false
	case m.count > maxListed:
		if m.crowded && now.Before(m.next) {
			return news, false
		}
		m.crowded, m.next = true, now.Add(crowdEvery)
	case m.crowded:
		m.crowded = false
		news = m.everybody()
	default:
		news.Joined, news.Left = joined, left
	}
	m.owed = false
	return news, true
}

// settle returns who has been there, or away, for long enough.
func (m *room) settle(now time.Time) (joined, left []string) {
	for person, since := range m.unsaid {
		a, lasted := m.people[person], now.Sub(since)
		switch {
		case a.instances > 0 && lasted >= joinAfter:
			a.told = true
			m.people[person] = a
			joined = append(joined, person)
		case a.instances == 0 && lasted >= leaveAfter:
			delete(m.people, person)
			left = append(left, person)
		default:
			continue
		}
		delete(m.unsaid, person)
	}
	slices.Sort(joined)
	slices.Sort(left)
	return joined, left
}

func (m *room) message() message {
	return message{Type: "presence", Channel: m.channel, Count: m.count}
}

// everybody is a message with all who were told to be there, unless they are
// too many.
func (m *room) everybody() message {
	all := m.message()
	if m.count > maxListed {
		return all
	}
	for person, a := range m.people {
		if a.told {
			all.Members = append(all.Members, person)
		}
	}
	slices.Sort(all.Members)
	return all
}

func (r *Roll) frame(m message) []byte {
	text, _ := json.Marshal(m) // texts and numbers cannot fail
	return r.cfg.Frame(text)
}
