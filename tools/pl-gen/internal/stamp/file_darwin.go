package stamp

import (
	"io/fs"
	"syscall"
)

func of(info fs.FileInfo) Stamp {
	s := Stamp{size: info.Size(), modified: info.ModTime().UnixNano()}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		s.changed, s.inode = st.Ctimespec.Nano(), st.Ino
	}
	return s
}
