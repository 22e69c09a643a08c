//go:build !linux && !darwin

package stamp

import "io/fs"

func of(info fs.FileInfo) Stamp {
	return Stamp{size: info.Size(), modified: info.ModTime().UnixNano()}
}
