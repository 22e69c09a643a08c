package proto

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
)

// A Break is one finding of "buf breaking".
type Break struct {
	Path    string `json:"path"`
	Line    int    `json:"start_line"`
	Col     int    `json:"start_column"`
	Rule    string `json:"type"`
	Message string `json:"message"`
}

// Breaking runs "buf breaking" against the tree in the directory against, which
// has a buf.yaml. It builds buf only under CI=true, where the check must not be
// left out: ok is false when none is installed elsewhere.
func (b *Buf) Breaking(ctx context.Context, against string) (list []Break, ok bool, err error) {
	name, ok, err := b.Installed(ctx)
	if !ok && err == nil && os.Getenv("CI") == "true" {
		name, err = b.Command(ctx)
	}
	if err != nil || name == "" {
		return nil, false, err
	}
	text, err := b.findings(ctx, name, "breaking", "--against", against, "--error-format", "json")
	if err != nil {
		return nil, true, err
	}
	list, err = breaks(text)
	return list, true, err
}

// breaks reads what buf prints, an object a line.
func breaks(text []byte) ([]Break, error) {
	var list []Break
	for line := range bytes.Lines(text) {
		var one Break
		if err := json.Unmarshal(line, &one); err != nil {
			return nil, fmt.Errorf("read the findings of buf breaking: %w", err)
		}
		list = append(list, one)
	}
	return list, nil
}
