package history

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"

	"github.com/pulselearn/campus-hub/platform/avro"
)

// museumPattern matches the published versions that a repository keeps,
// contracts/museum/<topic>/<n>.avsc.
var museumPattern = regexp.MustCompile(`^contracts/museum/(pl\.[a-z0-9]+\.[a-z0-9_]+\.v[0-9]+)/([0-9]{1,9})\.avsc$`)

// museum reads the versions of a tree's museum, by topic, the newest first.
func museum(fsys fs.FS) (map[string][]Version, error) {
	numbers := map[string][]int{}
	err := fs.WalkDir(fsys, "contracts/museum", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if m := museumPattern.FindStringSubmatch(name); m != nil {
			n, err := strconv.Atoi(m[2])
			numbers[m[1]] = append(numbers[m[1]], n)
			return err
		}
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the museum: %w", err)
	}
	versions := map[string][]Version{}
	for topic, list := range numbers {
		slices.SortFunc(list, func(a, b int) int { return cmp.Compare(b, a) })
		for _, n := range list {
			v, err := published(fsys, topic, n)
			if err != nil {
				return nil, err
			}
			versions[topic] = append(versions[topic], v)
		}
	}
	return versions, nil
}

func published(fsys fs.FS, topic string, n int) (Version, error) {
	name := path.Join("contracts/museum", topic, strconv.Itoa(n)+".avsc")
	text, err := fs.ReadFile(fsys, name)
	if err != nil {
		return Version{}, fmt.Errorf("read the museum: %w", err)
	}
	e, err := parseEvent(pathOf(topic+"-value"), avro.File{Name: name, Text: text}, nil)
	if err != nil {
		return Version{}, fmt.Errorf("read the museum: %s: %w", name, err)
	}
	return Version{Name: fmt.Sprintf("published version %d", n), Event: e}, nil
}
