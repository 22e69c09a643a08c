package wire

import "encoding/binary"

// highBits are the bits that no ASCII character has.
const highBits = 0x8080808080808080

// load returns the first eight bytes of s as a little-endian number; the
// compiler makes it one instruction.
func load(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// copy8 copies eight bytes and returns the bits that occur in them.
func copy8(dst []byte, s string) uint64 {
	word := load(s)
	binary.LittleEndian.PutUint64(dst, word)
	return word
}

// copy4 is copy8 for four bytes.
func copy4(dst []byte, s string) uint64 {
	_ = s[3]
	word := uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24
	binary.LittleEndian.PutUint32(dst, word)
	return uint64(word)
}

// isASCII reports whether every byte of s is ASCII.
func isASCII(s string) bool {
	var seen uint64
	if len(s) < 8 {
		for i := range len(s) {
			seen |= uint64(s[i])
		}
		return seen&highBits == 0
	}
	seen = load(s[len(s)-8:])
	for len(s) > 8 {
		seen |= load(s)
		s = s[8:]
	}
	return seen&highBits == 0
}

// isUUID reports whether s has the text form of RFC 9562, in either case.
func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		if isDash := i == 8 || i == 13 || i == 18 || i == 23; isDash != (s[i] == '-') || !isDash && !isHex(s[i]) {
			return false
		}
	}
	return true
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// FormatUUID returns the text form of a UUID, in lower case.
func FormatUUID(u [16]byte) string {
	text := make([]byte, 0, 36)
	for i, c := range u {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			text = append(text, '-')
		}
		text = append(text, hexDigits[c>>4], hexDigits[c&15])
	}
	return string(text)
}

const hexDigits = "0123456789abcdef"
