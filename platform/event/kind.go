package event

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// ErrInvalid is matched by every error that says that something is not a
// CloudEvent in the sense of the specification. Trying again cannot help.
var ErrInvalid = errors.New("not a valid cloudevent")

// A Kind is one of the abstract types of the CloudEvents type system.
type Kind uint8

// The types of CloudEvents 1.0.2, section "Type System".
const (
	String Kind = iota
	Boolean
	Integer
	Binary
	URI
	URIReference
	Timestamp
)

// Check reports whether s is the canonical string of a value of kind k.
// The error matches ErrInvalid and does not quote s.
func (k Kind) Check(s string) error {
	ok := false
	switch k {
	case String:
		ok = isString(s)
	case Boolean:
		ok = s == "true" || s == "false"
	case Integer:
		ok = isInteger(s)
	case Binary:
		_, err := decodeBase64(s)
		ok = err == nil
	case URI:
		ok = isAbsoluteURI(s)
	case URIReference:
		ok = isURIReference(s)
	case Timestamp:
		_, err := ParseTime(s)
		ok = err == nil
	}
	if !ok {
		return fmt.Errorf("%w: value does not have the canonical form of a %s", ErrInvalid, k)
	}
	return nil
}

// String returns the name that the specification gives to the type.
func (k Kind) String() string {
	names := [...]string{"String", "Boolean", "Integer", "Binary", "URI", "URI-reference", "Timestamp"}
	if int(k) >= len(names) {
		return "Kind(" + strconv.Itoa(int(k)) + ")"
	}
	return names[k]
}

// CheckName reports whether name may be the name of a context attribute: one
// or more of a-z and 0-9, and not the reserved name data. The error matches
// ErrInvalid.
func CheckName(name string) error {
	if name == "data" {
		return fmt.Errorf("%w: attribute name data is reserved", ErrInvalid)
	}
	if name == "" {
		return fmt.Errorf("%w: attribute name is empty", ErrInvalid)
	}
	for i := 0; i < len(name); i++ {
		if c := name[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return fmt.Errorf("%w: attribute name has a character other than a-z and 0-9", ErrInvalid)
		}
	}
	return nil
}

// isString reports whether s holds only characters that a String may hold.
func isString(s string) bool {
	for ; len(s) >= 8; s = s[8:] {
		x := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
			uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
		if !arePrintable(x) {
			break
		}
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < 0x20 || c >= 0x7f {
			return isUnicodeString(s[i:])
		}
	}
	return true
}

// arePrintable reports whether the eight bytes of x are all from 0x20 to 0x7e.
// No sum carries into the next byte when none of them has its highest bit set.
func arePrintable(x uint64) bool {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	atLeast20, atLeast7f := (x|high)-0x20*ones, x+ones
	return (x|^atLeast20|atLeast7f)&high == 0
}

func isUnicodeString(s string) bool {
	for i, r := range s {
		switch {
		case r < 0x20, r >= 0x7f && r <= 0x9f:
			return false
		case r >= 0xfdd0 && r <= 0xfdef, r&0xfffe == 0xfffe:
			return false
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD"):
			return false
		}
	}
	return true
}

// isInteger accepts the integer part of a JSON number within 32 bits.
func isInteger(s string) bool {
	digits := strings.TrimPrefix(s, "-")
	if digits == "" || len(digits) > 10 || (digits[0] == '0' && digits != "0") {
		return false
	}
	if digits[0] < '0' || digits[0] > '9' {
		return false
	}
	_, err := strconv.ParseInt(s, 10, 32)
	return err == nil
}

// decodeBase64 follows RFC 4648, section 4: padded, and without line breaks.
func decodeBase64(s string) ([]byte, error) {
	if strings.ContainsAny(s, "\r\n") {
		return nil, base64.CorruptInputError(strings.IndexAny(s, "\r\n"))
	}
	return base64.StdEncoding.DecodeString(s)
}
