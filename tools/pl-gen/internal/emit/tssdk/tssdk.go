// Package tssdk emits the TypeScript package @pulselearn/campus-hub: messages
// and services as protobuf-es has them, a client for each context, the events,
// and the parts of the package that are the same for every contract.
//
// Messages are what protoc-gen-es 2 writes, byte for byte behind the first
// comment; a test compares the two where Node is. Emitting them here keeps
// `pl-gen generate` working on a machine that has only Go. Our own options stay
// out of the descriptors: who may call what, and who consumes which event, is
// no business of a browser.
package tssdk

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/plan"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/source"
)

// Emitter is the name under which the manifest lists the files of this
// package.
const Emitter = "typescript"

// Dir is where the package is, relative to the repository's root.
const Dir = "gen/sdk/ts"

//go:embed all:static
var static embed.FS

// EmitContext returns the modules of one context: its messages and services.
func EmitContext(set *source.Set, context string) ([]plan.File, error) {
	var files []plan.File
	for _, p := range protosOf(set, context) {
		f, err := emitProto(p)
		if err != nil {
			return nil, fmt.Errorf("emit TypeScript of %s: %w", p.Path, err)
		}
		files = append(files, f)
	}
	return files, nil
}

func protosOf(set *source.Set, context string) []*source.Proto {
	return slices.DeleteFunc(slices.Clone(set.Proto), func(p *source.Proto) bool {
		return p.File == nil || !strings.HasPrefix(p.ImportPath(), "pl/"+context+"/")
	})
}

// EmitPackage returns what is about all contexts: the events, the clients, the
// indexes, and the parts that are the same for every contract.
func EmitPackage(m *model.Model) ([]plan.File, error) {
	files, err := emitEvents(m)
	if err != nil {
		return nil, err
	}
	files = append(files, emitClients(m), emitChannels(m))
	same, err := copyStatic()
	return append(files, same...), err
}

// copyStatic returns the parts that do not depend on the contracts.
func copyStatic() ([]plan.File, error) {
	var files []plan.File
	err := fs.WalkDir(static, "static", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := static.ReadFile(name)
		if strings.HasSuffix(name, ".ts") {
			text = append([]byte(marker+"\n"), text...)
		}
		to := path.Join(Dir, strings.TrimPrefix(name, "static/"))
		files = append(files, plan.File{Path: to, Content: text, Emitter: Emitter})
		return err
	})
	return files, err
}
