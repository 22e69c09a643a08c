package gateway

// A Graph is a GraphQL schema over calls. Its fields are those of the messages,
// by their JSON names; generated code has what cannot be told from that.
type Graph struct {
	// SDL is the schema in GraphQL's language.
	SDL string
	// Roots are the fields of Query and Mutation.
	Roots []Root
	// Relations are the fields that lead from an id to what it names.
	Relations []Relation
	// Subscriptions are the fields of Subscription.
	Subscriptions []Subscription
	// Variants are the records that unions in events are made of.
	Variants []Variant
}

// A Root is a field that makes a call.
type Root struct {
	// Type is "Query" or "Mutation". The arguments of a query are the fields
	// of the request; a mutation has them in one argument, input.
	Type, Name string
	// Procedure is the call.
	Procedure string
}

// A Relation is a field whose values are loaded for many objects with one
// call.
type Relation struct {
	// Type and Field are where it stands, "Badge" and "student"; From is the
	// field beside it that holds the id, or the ids, "studentId".
	Type, Field, From string
	// Batch is the call that returns what ids name, at most Max at once.
	Batch string
	Max   int
	// IDs is the field of its request that takes the ids, Items the one of its
	// answer with what was found, and Key the one of each item with its id.
	IDs, Items, Key string
}

// A Subscription is a field that tells the events of one type as they come. Its
// arguments are the one that names the channel, and after.
type Subscription struct {
	Name string
	// Topic is the events' topic.
	Topic string
	// Family and Argument name the channel: "user" and "studentId" are for
	// "user:ada" where studentId is "ada". Without that argument the family
	// user stands for the caller.
	Family, Argument string
}

// A Variant is a record in a union of an event.
type Variant struct {
	// Record is its full name in the event's schema, and Type the one of its
	// type in GraphQL.
	Record, Type string
}
