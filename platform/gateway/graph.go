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
