package ddl

// A Verb is what an [Action] does.
type Verb int

// The verbs. Opaque is a statement that is not understood, and Harmless one
// that changes neither tables nor rows nor the transaction.
const (
	Opaque Verb = iota
	Harmless
	CreateTable
	DropTable
	RenameTable
	AddColumn
	DropColumn
	RenameColumn
	SetType
	SetNotNull
	DropNotNull
	SetDefault
	DropDefault
	AddConstraint
	CreateIndex
	DropIndex
	Insert
	Update
	Delete
	Truncate
	// Rewrite is a statement that locks a table for long: CLUSTER, LOCK and
	// their like.
	Rewrite
	// Session is a statement that cannot be part of a transaction, ends it, or
	// outlives it: BEGIN, VACUUM, SET without LOCAL.
	Session
)

// An Action is one change that a statement makes. Which fields are set depends
// on the verb.
type Action struct {
	Verb  Verb
	Table string
	// To is the new name of what is renamed.
	To string
	// Column is the column that is changed, as it is afterwards where it is
	// added.
	Column Column
	// Columns are those of a table that is created.
	Columns []Column
	// Index is the index, or the constraint that makes one.
	Index Index
	// Source is the table that an INSERT copies from.
	Source string
	// What is the statement or clause, for people: "CREATE INDEX
	// CONCURRENTLY".
	What string
	// Scans tells that a constraint is checked against every row, and Where
	// that an UPDATE or DELETE has a condition.
	Scans, Where bool
	// At is the byte offset of what does it.
	At int
}

// A Column is one column of a table.
type Column struct {
	Name string
	// Type is the type's name in lower case, with its size: "varchar(20)".
	Type    string
	NotNull bool
	Key     bool
	Default bool
	// Volatile tells that the default has to be computed for each row.
	Volatile bool
}

// An Index is one index of a table.
type Index struct {
	Name         string
	Unique       bool
	Concurrently bool
}
