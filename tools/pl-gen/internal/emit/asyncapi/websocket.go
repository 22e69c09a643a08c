package asyncapi

import (
	"encoding/json"
	"slices"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
)

// Names of what the websocket adds to the hub's document.
const (
	brokerServer    = "broker"
	realtimeServer  = "hub"
	realtime        = "realtime"
	realtimeAddress = "/realtime"
	bearer          = "bearer"
	positionsName   = "Positions"
	wsBinding       = "0.1.0"
	jsonType        = "application/json"
	jsonFormat      = "application/vnd.aai.asyncapi+json;version=" + version
)

// websocket adds what people listen on, when there are events for them.
func (d *document) websocket(m *model.Model) {
	heard := slices.DeleteFunc(slices.Clone(m.Events), func(e *model.Event) bool {
		_, _, ok := e.Channel()
		return !ok
	})
	if len(heard) == 0 {
		return
	}
	d.servers()
	c := &channel{
		Address: realtimeAddress, Title: "Events for people",
		Description: "Text frames of the subprotocol pl.realtime.v1, one JSON object each: people listen to channels and make calls. docs/realtime.md has the protocol.",
		Servers:     []ref{{"#/servers/" + realtimeServer}}, Messages: map[string]ref{},
		Bindings: channelBindings{WS: &channelWS{Method: "GET", Version: wsBinding, Headers: handshake()}},
	}
	d.Channels[realtime] = c
	d.Components.Schemas[positionsName] = positions()
	for _, f := range frames() {
		d.frame(c, f.name, f.summary, f.schema)
	}
	for _, e := range heard {
		d.frame(c, eventFrame(e), e.Schema.Doc, d.occurrence(e))
	}
	d.talk(heard)
}

// servers says where the channels are: those that there are so far are topics.
func (d *document) servers() {
	d.Servers = map[string]*server{
		brokerServer: {
			Host: "{host}", Protocol: "kafka", Description: "The broker.",
			Variables: map[string]variable{"host": {"localhost:9092", "Its bootstrap address."}},
		},
		realtimeServer: {
			Host: "{host}", Protocol: "ws", Description: "The hub, or a gateway. Behind TLS the protocol is wss.",
			Variables: map[string]variable{"host": {"localhost:8080", "Where it serves."}},
			Security:  []ref{{"#/components/securitySchemes/" + bearer}},
		},
	}
	d.Components.Security = map[string]scheme{bearer: {"http", "bearer", "JWT"}}
	for _, c := range d.Channels {
		c.Servers = []ref{{"#/servers/" + brokerServer}}
	}
}

func handshake() schema {
	return schema{Type: "object", Properties: map[string]schema{
		"Authorization":          {Type: "string", Description: "Bearer and an access token. A client that cannot set it sends the token as the subprotocol bearer.<token>, or in a first frame of type auth."},
		"Sec-WebSocket-Protocol": {Type: "string", Description: "pl.realtime.v1, and bearer.<token> if need be."},
	}}
}

func positions() schema {
	return schema{
		Type: "object", Values: &schema{Type: "integer", Format: "int64"},
		Description: "How far a client is in a channel: by partition, written <topic>/<partition>, the offset of the last event there; -1 for none.",
	}
}

// frame adds a message of the websocket.
func (d *document) frame(c *channel, name, summary string, s schema) {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // a schema of texts and numbers
	}
	key := realtime + "." + name
	d.Components.Messages[key] = &message{Name: name, Title: name, Summary: summary, ContentType: jsonType, Payload: payload{jsonFormat, text}}
	c.Messages[name] = ref{"#/components/messages/" + key}
}

func eventFrame(e *model.Event) string { return "event." + e.Topic }

// talk adds the operations: what clients ask for with the answers, and what
// they are told.
func (d *document) talk(heard []*model.Event) {
	for _, ask := range []struct {
		name, title string
		answers     []string
	}{
		{"auth", "Say who listens", []string{"ready", "error"}},
		{"subscribe", "Listen to a channel", []string{"subscribed", "error"}},
		{"unsubscribe", "Listen no more", []string{"unsubscribed", "error"}},
		{"call", "Make a call", []string{"answer"}},
		{"ping", "Ask for a sign of life", []string{"pong"}},
	} {
		d.Operations[realtime+"."+ask.name] = &operation{
			Action: "receive", Channel: ref{"#/channels/" + realtime}, Title: ask.title, Summary: ask.title + ", over the websocket.",
			Messages: framesOf(ask.name), Reply: &reply{ref{"#/channels/" + realtime}, framesOf(ask.answers...)},
		}
	}
	names := []string{"position", "resync", "unsubscribed", "presence", "bye"}
	for _, e := range heard {
		names = append(names, eventFrame(e))
	}
	d.Operations[realtime+".tell"] = &operation{
		Action: "send", Channel: ref{"#/channels/" + realtime}, Title: "Tell listeners",
		Summary: "What a client is sent without asking.", Messages: framesOf(names...),
	}
}

func framesOf(names ...string) []ref {
	var list []ref
	for _, name := range names {
		list = append(list, ref{"#/channels/" + realtime + "/messages/" + name})
	}
	return list
}
