package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/reporter"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
)

// compileProtos compiles all files together; one with errors leaves the
// others whole, except those that import it.
func compileProtos(files []file) ([]*Proto, []diag.Diagnostic) {
	protos := make([]*Proto, len(files))
	names := make([]string, len(files))
	for i, f := range files {
		protos[i] = &Proto{Path: f.path, Text: f.text}
		names[i] = protos[i].ImportPath()
	}
	c := newCompilation(protos)
	c.compile(names)
	c.explain()
	return protos, c.found
}

// A compilation collects the errors of one run of the compiler, which reports
// them from several goroutines.
type compilation struct {
	protos []*Proto
	byName map[string]*Proto
	mu     sync.Mutex
	found  []diag.Diagnostic
}

func newCompilation(protos []*Proto) *compilation {
	c := &compilation{protos: protos, byName: make(map[string]*Proto, len(protos))}
	for _, p := range protos {
		c.byName[p.ImportPath()] = p
	}
	return c
}

func (c *compilation) compiler(onError reporter.ErrorReporter) *protocompile.Compiler {
	return &protocompile.Compiler{
		Resolver:       protocompile.WithStandardImports(protocompile.ResolverFunc(c.find)),
		Reporter:       reporter.NewReporter(onError, nil),
		SourceInfoMode: protocompile.SourceInfoExtraOptionLocations | protocompile.SourceInfoStandard,
	}
}

func (c *compilation) find(name string) (protocompile.SearchResult, error) {
	p, ok := c.byName[name]
	if !ok {
		return protocompile.SearchResult{}, fs.ErrNotExist
	}
	return protocompile.SearchResult{Source: bytes.NewReader(p.Text)}, nil
}

func (c *compilation) compile(names []string) {
	results, err := c.compiler(c.report).Compile(context.Background(), names...)
	if err != nil && len(results) == 0 {
		return
	}
	for i, r := range results {
		if r != nil {
			c.protos[i].File = r
		}
	}
}

// report takes one error and asks the compiler to go on.
func (c *compilation) report(err reporter.ErrorWithPos) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := err.GetPosition()
	pos := diag.Pos{File: ProtoRoot + "/" + at.Filename, Line: at.Line, Col: at.Col}
	c.found = append(c.found, protoFault(collision(pos, err.Unwrap().Error())))
	return nil
}

var collisionPattern = regexp.MustCompile(`^(symbol ".+") already defined at (.+):(\d+):(\d+)$`)

// collision puts the error about a name that two files define to the later one
// of them: the compiler blames whichever it reads last, which differs between
// runs.
func collision(pos diag.Pos, message string) (diag.Pos, string) {
	m := collisionPattern.FindStringSubmatch(message)
	if m == nil {
		return pos, message
	}
	first := diag.Pos{File: ProtoRoot + "/" + m[2]}
	first.Line, _ = strconv.Atoi(m[3])
	first.Col, _ = strconv.Atoi(m[4])
	if first.File > pos.File {
		pos, first = first, pos
	}
	return pos, fmt.Sprintf("%s is already defined at %s:%d:%d", m[1], first.File, first.Line, first.Col)
}

// explain finds out why a file failed without a report of its own: an import
// that does not exist, or one that failed, which has findings itself.
func (c *compilation) explain() {
	reported := map[string]bool{}
	for _, d := range c.found {
		reported[d.Pos.File] = true
	}
	for _, p := range c.protos {
		if p.File == nil && !reported[p.Path] {
			c.compileAlone(p)
		}
	}
}

func (c *compilation) compileAlone(p *Proto) {
	_, err := c.compiler(func(err reporter.ErrorWithPos) error { return err }).
		Compile(context.Background(), p.ImportPath())
	var at reporter.ErrorWithPos
	switch {
	case err == nil:
	case !errors.As(err, &at):
		c.found = append(c.found, protoFault(diag.Pos{File: p.Path, Line: 1, Col: 1}, err.Error()))
	case at.GetPosition().Filename == p.ImportPath():
		_ = c.report(at)
	}
}

func protoFault(pos diag.Pos, message string) diag.Diagnostic {
	d := diag.New(diag.ProtoSyntax, pos, message)
	switch {
	case strings.Contains(message, "could not resolve path"):
		return d.Because("the imported file is neither in contracts/proto nor one of protobuf's own",
			"correct the import, or add the file")
	case strings.Contains(message, "unknown type"), strings.Contains(message, "unknown extension"):
		return d.Because("the name is not defined in this file nor in one that it imports",
			"correct the name, or import the file that defines it")
	case strings.Contains(message, "syntax error"):
		return d.Because("the file is not proto3 at this place", "correct the syntax; nothing after it was read")
	}
	return d.Because("the file breaks a rule of the protobuf language", "correct it as the message says")
}
