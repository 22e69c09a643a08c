package plan

import (
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	for name, c := range map[string]struct {
		paths []string
		want  string
	}{
		"different":         {[]string{"gen/a.go", "gen/b.go"}, ""},
		"same":              {[]string{"gen/a.go", "gen/a.go"}, "gen/a.go, which emitter x writes as well"},
		"folded":            {[]string{"gen/A.go", "gen/a.go"}, "gen/a.go, which emitter x writes as well, as gen/A.go"},
		"outside":           {[]string{"../a.go"}, "outside the repository"},
		"absolute":          {[]string{"/etc/a.go"}, "outside the repository"},
		"outside by detour": {[]string{"gen/../../a.go"}, "outside the repository"},
	} {
		t.Run(name, func(t *testing.T) {
			var files []File
			for _, p := range c.paths {
				files = append(files, File{Path: p, Emitter: "x"})
			}
			found := Check(files)
			switch {
			case c.want == "" && len(found) > 0:
				t.Errorf("found %v", found)
			case c.want != "" && (len(found) != 1 || !strings.Contains(found[0].Message, c.want)):
				t.Errorf("found %v, want one about %q", found, c.want)
			}
		})
	}
}
