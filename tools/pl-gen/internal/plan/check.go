package plan

import (
	"path/filepath"
	"strings"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
)

// Check returns a finding for every file that another one would overwrite,
// also on a file system that folds case, and for every path that leaves the
// repository.
func Check(files []File) []diag.Diagnostic {
	var found []diag.Diagnostic
	taken := make(map[string]File, len(files))
	for _, f := range files {
		folded := strings.ToLower(f.Path)
		if first, ok := taken[folded]; ok {
			found = append(found, clash(first, f))
		}
		taken[folded] = f
		if !filepath.IsLocal(filepath.FromSlash(f.Path)) {
			found = append(found, diag.New(diag.FileClash, diag.Pos{}, "the planned file "+f.Path+" is outside the repository"))
		}
	}
	return found
}

func clash(a, b File) diag.Diagnostic {
	message := "emitter " + b.Emitter + " writes " + b.Path + ", which emitter " + a.Emitter + " writes as well"
	if a.Path != b.Path {
		message += ", as " + a.Path
	}
	return diag.New(diag.FileClash, diag.Pos{}, message).Because(
		"two names in the contracts differ only in a way that file names do not keep",
		"rename one of the two events, entities or calls that these files are for")
}
