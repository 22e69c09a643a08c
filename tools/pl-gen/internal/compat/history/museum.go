package history

import (
	"fmt"
	"io/fs"
	"slices"

	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/museum"
)

// published reads the versions of a tree's museum, by topic, the newest first.
func published(fsys fs.FS) (map[string][]Version, error) {
	kept, err := museum.Versions(fsys)
	if err != nil {
		return nil, err
	}
	versions := map[string][]Version{}
	for topic, list := range kept {
		if !subjectPattern.MatchString(topic + "-value") {
			continue
		}
		for _, v := range slices.Backward(list) {
			e, err := parseEvent(pathOf(topic+"-value"), avro.File{Name: v.File, Text: v.Text}, nil)
			if err != nil {
				return nil, fmt.Errorf("read the schema museum: %s: %w", v.File, err)
			}
			versions[topic] = append(versions[topic], Version{Name: fmt.Sprintf("published version %d", v.Number), Event: e})
		}
	}
	return versions, nil
}
