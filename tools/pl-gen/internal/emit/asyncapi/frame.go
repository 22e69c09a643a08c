package asyncapi

// A frameOf is a message of the websocket besides events.
type frameOf struct {
	name, summary string
	schema        schema
}

// frames are the messages of docs/realtime.md.
func frames() []frameOf {
	id := text("Of the request; its answer carries it too.")
	id.MaxLength = 64
	channel := text("The channel, for example user:ada.")
	told := schema{Ref: "#/components/schemas/" + positionsName}
	object := schema{Type: "object"}
	problem := map[string]schema{"code": text("What kind of failure it is; one of Connect's codes."), "message": text("What went wrong, for people.")}
	return []frameOf{
		{"auth", "Says who listens, first or before the token expires.", frame("auth", with("token", text("An access token."), "id", id), "token")},
		{"subscribe", "Asks for the events of a channel.", frame("subscribe", with("channel", channel, "id", id, "after", told,
			"presence", schema{Type: "boolean", Description: "Whether to be told who else listens, where the channel shows it."}), "channel")},
		{"unsubscribe", "Asks for no more events of a channel.", frame("unsubscribe", with("channel", channel, "id", id), "channel")},
		{"call", "Makes a unary call of any context.", frame("call", with(
			"procedure", text("The call, for example /pl.quiz.v1.QuizService/SubmitQuiz."), "key", text("The idempotency key of a command."),
			"request", object, "id", id), "procedure")},
		{"ping", "Asks whether the server is there.", frame("ping", with("id", id))},
		{"ready", "The token is good.", frame("ready", with("id", id, "session", text("The session's name in logs."), "caller", text("Who listens, for example user:ada."),
			"expires", schema{Type: "string", Format: "date-time"}, "heartbeatMillis", integer("How often a quiet session is looked at.")), "session", "caller", "heartbeatMillis")},
		{"subscribed", "The events of the channel follow.", frame("subscribed", with("id", id, "channel", channel,
			"resumed", schema{Type: "boolean", Description: "Whether everything behind the positions that the client named follows."}, "positions", told), "channel", "positions")},
		{"unsubscribed", "No events of the channel follow.", frame("unsubscribed", with("id", id, "channel", channel, "reason", text("Why, if the client did not ask for it.")), "channel")},
		{"position", "Newer positions of a quiet channel.", frame("position", with("channel", channel, "positions", told), "channel", "positions")},
		{"resync", "Events are missing.", frame("resync", with("channel", channel, "reason", schema{Type: "string", Enum: []string{"slow", "lost"}}, "positions", told), "channel", "reason", "positions")},
		{"presence", "Who listens to the channel. Above a hundred people it has the count alone.", frame("presence", with("channel", channel, "count", integer("How many people listen."),
			"members", texts("Who listens: all of them, in the place of what was said before."), "joined", texts("Who has come."), "left", texts("Who has gone.")), "channel", "count")},
		{"answer", "The answer to a call.", frame("answer", with("id", id, "response", object, "error", schema{Type: "object", Properties: problem, Required: []string{"code", "message"}}))},
		{"error", "A request is refused.", frame("error", with("id", id, "code", problem["code"], "message", problem["message"]), "code", "message")},
		{"pong", "The server is there.", frame("pong", with("id", id))},
		{"bye", "The server is about to end.", frame("bye", with("reason", text("Why."), "retryAfterMillis", integer("After what time the client should come back.")), "reason", "retryAfterMillis")},
	}
}

// frame is the schema of messages of one type.
func frame(kind string, fields map[string]schema, required ...string) schema {
	fields["type"] = schema{Const: kind}
	return schema{Type: "object", Properties: fields, Required: append([]string{"type"}, required...)}
}

// with returns fields of names and schemas in turn.
func with(pairs ...any) map[string]schema {
	fields := map[string]schema{}
	for i := 0; i < len(pairs); i += 2 {
		fields[pairs[i].(string)] = pairs[i+1].(schema)
	}
	return fields
}

func text(description string) schema { return schema{Type: "string", Description: description} }

func integer(description string) schema { return schema{Type: "integer", Description: description} }

func texts(description string) schema {
	return schema{Type: "array", Items: &schema{Type: "string"}, Description: description}
}
