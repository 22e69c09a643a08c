// Package plan is the list of files that the contracts lead to. Emitters add
// files, Check finds clashes, and package output is the only one that touches
// the disk.
package plan

// An Ownership says who may write a file after it was created.
type Ownership int

const (
	// Generated files are derived: written when they change, pruned when they
	// are no longer planned, and refused when somebody edited them.
	Generated Ownership = iota
	// Scaffolded files are written once and belong to people from then on.
	Scaffolded
)

// A File is one planned file.
type File struct {
	// Path is relative to the repository's root, with slashes.
	Path    string
	Content []byte
	// Emitter names what made the file, for the manifest: "event", "service",
	// "entity", "command", "buf".
	Emitter   string
	Ownership Ownership
}
