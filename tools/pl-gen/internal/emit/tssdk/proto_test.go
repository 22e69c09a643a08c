package tssdk

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/source"
)

const top = "../../../../.."

// TestMessagesAreThoseOfProtocGenES compares every module with what
// protoc-gen-es writes for the same descriptors.
func TestMessagesAreThoseOfProtocGenES(t *testing.T) {
	plugin := protocGenES(t)
	for _, root := range []string{top, "testdata"} {
		set := load(t, root)
		want := ask(t, plugin, set)
		compared := 0
		for _, p := range set.Proto {
			name := strings.TrimSuffix(p.ImportPath(), ".proto") + "_pb.ts"
			if want[name] == "" {
				continue
			}
			compared++
			got, err := emitProto(p)
			if err != nil {
				t.Errorf("%s: %v", p.Path, err)
				continue
			}
			if theirs, ours := code(want[name]), code(string(got.Content)); theirs != ours {
				t.Errorf("%s: %s", name, firstDifference(ours, theirs))
			}
		}
		if compared < 2 {
			t.Errorf("%s: only %d modules were compared", root, compared)
		}
	}
}

func load(t *testing.T, root string) *source.Set {
	t.Helper()
	files := os.DirFS(root)
	if root == "testdata" {
		files = withModule{files}
	}
	set, found, err := source.Load(files)
	if err != nil || diag.HasErrors(found) {
		t.Fatal(err, found)
	}
	return set
}

// withModule adds what only the root of a repository has.
type withModule struct{ fs.FS }

func (f withModule) Open(name string) (fs.File, error) {
	if name == "go.mod" {
		return os.Open(filepath.Join("testdata", "module.txt"))
	}
	return f.FS.Open(name)
}

// protocGenES returns the command that `npm install` put into the repository.
func protocGenES(t *testing.T) string {
	t.Helper()
	plugin, err := filepath.Abs(top + "/node_modules/.bin/protoc-gen-es")
	if err == nil {
		_, err = os.Stat(plugin)
	}
	if err != nil && os.Getenv("CI") == "true" {
		t.Fatal("protoc-gen-es is missing: ", err)
	}
	if err != nil {
		t.Skip("NOT COMPARED with protoc-gen-es, which is missing: run `npm install` in the repository's root")
	}
	return plugin
}

// ask runs protoc-gen-es on all protos of a repository but our own options.
func ask(t *testing.T, plugin string, set *source.Set) map[string]string {
	t.Helper()
	request := &pluginpb.CodeGeneratorRequest{Parameter: proto.String("target=ts,import_extension=js")}
	seen := map[string]bool{}
	var add func(f protoreflect.FileDescriptor)
	add = func(f protoreflect.FileDescriptor) {
		if seen[f.Path()] || own(f.Package()) {
			return
		}
		seen[f.Path()] = true
		each(f.Imports(), func(i protoreflect.FileImport) { add(i) })
		request.ProtoFile = append(request.ProtoFile, withComments(f))
	}
	for _, p := range set.Proto {
		if add(p.File); !own(p.File.Package()) {
			request.FileToGenerate = append(request.FileToGenerate, p.ImportPath())
		}
	}
	raw, err := proto.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	run := exec.CommandContext(t.Context(), plugin)
	run.Stdin = bytes.NewReader(raw)
	answer, err := run.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		t.Fatalf("protoc-gen-es: %v: %s", err, exit.Stderr)
	}
	var response pluginpb.CodeGeneratorResponse
	if err := proto.Unmarshal(answer, &response); err != nil || response.Error != nil {
		t.Fatal(err, response.GetError())
	}
	files := map[string]string{}
	for _, f := range response.File {
		files[f.GetName()] = f.GetContent()
	}
	return files
}

// withComments is stripped, with what the comments are read from.
func withComments(f protoreflect.FileDescriptor) *descriptorpb.FileDescriptorProto {
	d := stripped(f)
	d.SourceCodeInfo = &descriptorpb.SourceCodeInfo{}
	each(f.SourceLocations(), func(l protoreflect.SourceLocation) {
		at := &descriptorpb.SourceCodeInfo_Location{
			Path: l.Path, Span: []int32{int32(l.StartLine), int32(l.StartColumn), int32(l.EndLine), int32(l.EndColumn)},
			LeadingDetachedComments: l.LeadingDetachedComments,
		}
		if l.LeadingComments != "" {
			at.LeadingComments = proto.String(l.LeadingComments)
		}
		if l.TrailingComments != "" {
			at.TrailingComments = proto.String(l.TrailingComments)
		}
		d.SourceCodeInfo.Location = append(d.SourceCodeInfo.Location, at)
	})
	return d
}

// code returns a module without the comments that name its generator.
func code(module string) string {
	lines := strings.SplitAfter(module, "\n")
	for len(lines) > 0 && (strings.HasPrefix(lines[0], "// @generated") || strings.HasPrefix(lines[0], "// Code generated") ||
		strings.HasPrefix(lines[0], "// Source:") || strings.HasPrefix(lines[0], "/* eslint") || lines[0] == "\n") {
		lines = lines[1:]
	}
	return strings.TrimRight(strings.Join(lines, ""), "\n")
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range w {
		if i >= len(g) || g[i] != w[i] {
			ours := "(the end)"
			if i < len(g) {
				ours = g[i]
			}
			at := 0
			for at < len(ours) && at < len(w[i]) && ours[at] == w[i][at] {
				at++
			}
			return fmt.Sprintf("line %d, column %d:\n got %.300s\nwant %.300s", i+1, at+1, ours[at:], w[i][at:])
		}
	}
	return "more than protoc-gen-es writes"
}

// TestOurOptionsStayAtHome looks for what no client should learn.
func TestOurOptionsStayAtHome(t *testing.T) {
	set := load(t, top)
	checked := 0
	for _, p := range set.Proto {
		if own(p.File.Package()) {
			continue
		}
		checked++
		raw, err := embedded(p.File)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{"squad-", "primary_key", "pl.options", "pl/options"} {
			if bytes.Contains(raw, []byte(secret)) {
				t.Errorf("%s: the descriptor holds %q", p.Path, secret)
			}
		}
	}
	if checked == 0 {
		t.Error("nothing was checked")
	}
}
