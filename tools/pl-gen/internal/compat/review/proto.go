package review

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/compat/history"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/proto"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/source"
)

// ErrNoBuf means that protos have changed and could not be compared, because
// the pinned buf is not installed.
var ErrNoBuf = errors.New("the protos were not compared: the pinned buf is not installed (pl-gen doctor says how)")

// Protos returns what "buf breaking" says about the change from base to the
// protos in set. Protos that did not change need no buf.
func Protos(ctx context.Context, buf *proto.Buf, base *history.Base, set *source.Set) (found []diag.Diagnostic, err error) {
	if !base.Complete || len(base.Set.Proto) == 0 || slices.EqualFunc(base.Set.Proto, set.Proto, sameProto) {
		return nil, nil
	}
	dir, err := os.MkdirTemp("", "pl-gen-compat-")
	if err != nil {
		return nil, fmt.Errorf("make room for the protos of %s: %w", base.Name, err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := unpack(dir, buf.Root, base); err != nil {
		return nil, err
	}
	list, ok, err := buf.Breaking(ctx, dir)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, ErrNoBuf
	}
	for _, b := range list {
		found = append(found, breaking(b, base))
	}
	return found, nil
}

func sameProto(a, b *source.Proto) bool { return a.Path == b.Path && bytes.Equal(a.Text, b.Text) }

// unpack writes the protos of the base with today's buf.yaml.
func unpack(dir, root string, base *history.Base) error {
	config, err := os.ReadFile(filepath.Join(root, "buf.yaml"))
	if err != nil {
		return fmt.Errorf("read how protos are compared: %w", err)
	}
	files := []*source.Proto{{Path: "buf.yaml", Text: config}}
	for _, f := range append(files, base.Set.Proto...) {
		name := filepath.Join(dir, filepath.FromSlash(f.Path))
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, f.Text, 0o644)); err != nil {
			return fmt.Errorf("write the protos of %s: %w", base.Name, err)
		}
	}
	return nil
}

func breaking(b proto.Break, base *history.Base) diag.Diagnostic {
	pos := diag.Pos{File: filepath.ToSlash(b.Path), Line: b.Line, Col: b.Col}
	if pos.File == "" {
		pos = diag.Pos{File: source.ProtoRoot, Line: 1, Col: 1}
	}
	d := diag.New(diag.BufBreaking, pos, b.Message).Because(
		"clients that were generated from the earlier proto stop compiling, or misread what they get",
		"keep what is there and add what is new beside it, marked deprecated where it is to go; or make a new package version")
	d.Change = diag.Change{Buf: b.Rule, Was: base.Label}
	return d
}
