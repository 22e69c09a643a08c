package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/generate"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
)

// A report is what a command has to say about a system outside: its data,
// where others have findings.
type report interface {
	Text(w io.Writer) error
	JSON(w io.Writer) error
}

func addDataFormat(cmd *cobra.Command, format *string) {
	cmd.Flags().StringVar(format, "format", "text", "how to print the result: text or json")
}

func checkDataFormat(format string) error {
	if format != "text" && format != "json" {
		return usageError{fmt.Errorf("--format %q is neither text nor json", format)}
	}
	return nil
}

func (a *app) print(r report, format string) error {
	if format == "json" {
		return r.JSON(a.stdout)
	}
	return r.Text(a.stdout)
}

func refusedIf(refused bool) error {
	if refused {
		return errFindings
	}
	return nil
}

// contracts returns the repository's root and its contracts without errors;
// findings that are errors are printed.
func (a *app) contracts() (root string, m *model.Model, err error) {
	if root, err = a.root(); err != nil {
		return "", nil, err
	}
	m, findings, err := generate.New(root, a.stderr).Lint()
	if err != nil {
		return "", nil, err
	}
	if diag.HasErrors(findings) {
		if err := diag.Render(a.stderr, diag.Text, findings); err != nil {
			return "", nil, err
		}
		return "", nil, errFindings
	}
	return root, m, nil
}
