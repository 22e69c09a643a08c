package frame_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pulselearn/campus-hub/platform/realtime/frame"
)

// These are the cases of the Autobahn suite that a server which takes text
// alone, and does not compress, meets: numbers are those of its categories.
// TestReader and TestReaderRefuses have single cases of the same categories.

// wanted is what comes of frames, in whatever pieces they come: messages, and
// then the code of a refusal, or 0.
func wanted(t *testing.T, name string, data []byte, code uint16, messages ...string) {
	t.Helper()
	for _, piece := range []int{1, 7, 1 << 20} {
		got, err := read(data, piece)
		var fault *frame.Error
		if code == 0 && err != nil || code != 0 && (!errors.As(err, &fault) || fault.Code != code) || !slices.Equal(got, messages) {
			t.Errorf("%s, in pieces of %d: got %q, %v; want %q and code %d", name, piece, got, err, messages, code)
		}
	}
}

func TestAutobahnFraming(t *testing.T) { // 1.1
	for _, size := range []int{0, 125, 126, 127, 128, 65_535, 65_536} {
		payload := strings.Repeat("*", size)
		for _, piece := range []int{997, 1 << 20} {
			var r frame.Reader
			var got []string
			for chunk := range slices.Chunk(masked(text, payload), piece) {
				r.Add(bytes.Clone(chunk))
				for {
					m, ok, err := r.Next(1 << 16)
					if err != nil {
						t.Fatal(err)
					}
					if !ok {
						break
					}
					got = append(got, string(m.Payload))
				}
				r.Keep()
			}
			if !slices.Equal(got, []string{payload}) {
				t.Errorf("a message of %d bytes in pieces of %d: got %d messages", size, piece, len(got))
			}
		}
	}
}

func TestAutobahnPings(t *testing.T) { // 2
	ping, pong := masked(pinging, "\x00\xff\xfe"), masked(ponging, "unasked")
	wanted(t, "2.1", masked(pinging, ""), 0, "p")
	wanted(t, "2.3", ping, 0, "p\x00\xff\xfe")
	wanted(t, "2.4", masked(pinging, strings.Repeat("\xfe", 125)), 0, "p"+strings.Repeat("\xfe", 125))
	wanted(t, "2.5", masked(pinging, strings.Repeat("\xfe", 126)), frame.ProtocolError)
	wanted(t, "2.7", masked(ponging, ""), 0, "o")
	wanted(t, "2.9", join(pong, ping), 0, "ounasked", "p\x00\xff\xfe")
	wanted(t, "2.10", bytes.Repeat(ping, 10), 0, slices.Repeat([]string{"p\x00\xff\xfe"}, 10)...)
}

func TestAutobahnReservedBits(t *testing.T) { // 3
	for bits := byte(1); bits <= 7; bits++ {
		for _, first := range []byte{text, pinging, ponging, closing} {
			wanted(t, fmt.Sprintf("bits %d of %x", bits, first), join(masked(text, "before"), masked(first|bits<<4, "\x03\xe8"), masked(pinging, "")),
				frame.ProtocolError, "tbefore")
		}
	}
}

func TestAutobahnOpcodes(t *testing.T) { // 4
	for _, opcode := range []byte{3, 4, 5, 6, 7, 11, 12, 13, 14, 15} {
		for _, payload := range []string{"", "reserved"} {
			wanted(t, fmt.Sprint("opcode ", opcode), join(masked(text, "before"), masked(0x80|opcode, payload), masked(pinging, "")),
				frame.ProtocolError, "tbefore")
		}
	}
}

func TestAutobahnFragments(t *testing.T) { // 5
	wanted(t, "5.1", join(masked(0x09, "a"), masked(last, "b")), frame.ProtocolError)
	wanted(t, "5.2", join(masked(0x0a, "a"), masked(last, "b")), frame.ProtocolError)
	wanted(t, "5.3", join(masked(textPart, "a"), masked(last, "b")), 0, "tab")
	wanted(t, "5.6", join(masked(textPart, "a"), masked(pinging, "!"), masked(last, "b")), 0, "p!", "tab")
	wanted(t, "5.9", join(masked(last, "a"), masked(text, "b")), frame.ProtocolError)
	wanted(t, "5.12", join(masked(more, "a"), masked(text, "b")), frame.ProtocolError)
	wanted(t, "5.15", join(masked(textPart, "a"), masked(last, "b"), masked(more, "c"), masked(text, "d")), frame.ProtocolError, "tab")
	wanted(t, "5.16", join(masked(more, "a"), masked(textPart, "b"), masked(last, "c")), frame.ProtocolError)
	wanted(t, "5.18", join(masked(textPart, "a"), masked(text, "b")), frame.ProtocolError)
	wanted(t, "5.19", join(masked(textPart, "a"), masked(more, "b"), masked(pinging, "1"), masked(more, "c"), masked(more, "d"), masked(pinging, "2"), masked(last, "e")),
		0, "p1", "p2", "tabcde")
}

func TestAutobahnUTF8(t *testing.T) { // 6
	for name, s := range map[string]string{
		"6.2 in several scripts": "Hello-µ@ßöäüàá-UTF-8!!", "6.5": "κόσμε",
		"6.7.1": "\x00", "6.7.2": "\xc2\x80", "6.7.3": "\xe0\xa0\x80", "6.7.4": "\xf0\x90\x80\x80",
		"6.9.1": "\x7f", "6.9.2": "\xdf\xbf", "6.9.3": "\xef\xbf\xbf", "6.9.4": "\xf4\x8f\xbf\xbf",
		"6.11.1": "\xed\x9f\xbf", "6.11.2": "\xee\x80\x80", "6.11.3": "\xef\xbf\xbd", "6.11.4": "\xf4\x8f\xbf\xbf",
		"6.22 noncharacters": "\xef\xbf\xbe\xf0\x9f\xbf\xbe\xf3\xbf\xbf\xbf", "6.23 specials": "\xef\xbf\xb9\xef\xbf\xba\xef\xbf\xbc",
	} {
		wanted(t, name, masked(text, s), 0, "t"+s)
		frames := [][]byte{masked(textPart, "")}
		for i := range len(s) {
			frames = append(frames, masked(more, s[i:i+1])) // also within a character
		}
		wanted(t, name+" in fragments", join(append(frames, masked(last, ""))...), 0, "t"+s)
	}
	for name, s := range map[string]string{
		"6.3": "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited", "6.4": "κόσμε\xf4\x90\x80\x80edited",
		"6.6.1": "\xce", "6.6.3": "\xce\xba\xe1", "6.6.4": "\xce\xba\xe1\xbd", "6.6.11": "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce",
		"6.8.1": "\xf8\x88\x80\x80\x80", "6.8.2": "\xfc\x84\x80\x80\x80\x80", "6.10.1": "\xf7\xbf\xbf\xbf", "6.10.2": "\xfb\xbf\xbf\xbf\xbf",
		"6.10.3": "\xfd\xbf\xbf\xbf\xbf\xbf", "6.11.5": "\xf4\x90\x80\x80", "6.12.1": "\x80", "6.12.2": "\xbf", "6.12.3": "\x80\xbf",
		"6.13.1": "\xc0 \xc1 \xc2 \xdf ", "6.13.2": "\xe0 \xef ", "6.13.3": "\xf0 \xf7 ", "6.14.1": "\xc0", "6.14.2": "\xe0\x80", "6.14.3": "\xf0\x80\x80",
		"6.14.6": "\xdf", "6.14.7": "\xef\xbf", "6.14.8": "\xf7\xbf\xbf", "6.15": "\xc0\xe0\x80\xf0\x80\x80\xdf\xef\xbf",
		"6.16.1": "\xfe", "6.16.2": "\xff", "6.16.3": "\xfe\xfe\xff\xff", "6.17.1": "\xc0\xaf", "6.17.2": "\xe0\x80\xaf", "6.17.3": "\xf0\x80\x80\xaf",
		"6.18.1": "\xc1\xbf", "6.18.2": "\xe0\x9f\xbf", "6.18.3": "\xf0\x8f\xbf\xbf", "6.19.1": "\xc0\x80", "6.19.2": "\xe0\x80\x80", "6.19.3": "\xf0\x80\x80\x80",
		"6.20.1": "\xed\xa0\x80", "6.20.4": "\xed\xaf\xbf", "6.20.7": "\xed\xbf\xbf", "6.21.1": "\xed\xa0\x80\xed\xb0\x80", "6.21.8": "\xed\xaf\xbf\xed\xbf\xbf",
	} {
		wanted(t, name, masked(text, s), frame.InvalidText)
		wanted(t, name+" in fragments", join(masked(textPart, s[:1]), masked(last, s[1:])), frame.InvalidText)
	}
}

func TestAutobahnCloses(t *testing.T) { // 7
	normal := masked(closing, "\x03\xe8")
	wanted(t, "7.1.1", join(masked(text, "a"), normal), 0, "ta", "c\x03\xe8")
	wanted(t, "7.1.2", join(normal, normal), 0, "c\x03\xe8")
	wanted(t, "7.1.3", join(normal, masked(pinging, "")), 0, "c\x03\xe8")
	wanted(t, "7.1.5", join(masked(textPart, "a"), normal, masked(last, "b")), 0, "c\x03\xe8")
	wanted(t, "7.3.1", masked(closing, ""), 0, "c")
	wanted(t, "7.3.2", masked(closing, "a"), frame.ProtocolError)
	wanted(t, "7.3.4", masked(closing, "\x03\xe8bye"), 0, "c\x03\xe8bye")
	wanted(t, "7.3.5", masked(closing, "\x03\xe8"+strings.Repeat("*", 123)), 0, "c\x03\xe8"+strings.Repeat("*", 123))
	wanted(t, "7.3.6", masked(closing, "\x03\xe8"+strings.Repeat("*", 124)), frame.ProtocolError)
	wanted(t, "7.5.1", masked(closing, "\x03\xe8\xce\xba\xed\xa0\x80"), frame.InvalidText)
	for _, code := range []uint16{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999} { // 7.7
		payload := coded(code)
		wanted(t, fmt.Sprint("code ", code), masked(closing, payload), 0, "c"+payload)
	}
	for _, code := range []uint16{0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 5000, 65_535} { // 7.9, 7.13
		wanted(t, fmt.Sprint("code ", code), masked(closing, coded(code)), frame.ProtocolError)
	}
}

func coded(code uint16) string { return string([]byte{byte(code >> 8), byte(code)}) }

func TestAutobahnLimits(t *testing.T) { // 9 and 10, up to what a message may have
	whole := strings.Repeat("*", limit)
	for _, size := range []int{64, 256, 1000} {
		frames := [][]byte{masked(textPart, "")}
		for chunk := range slices.Chunk([]byte(whole), size) {
			frames = append(frames, masked(more, string(chunk)))
		}
		wanted(t, fmt.Sprint("fragments of ", size), join(append(frames, masked(last, ""))...), 0, "t"+whole)
		wanted(t, fmt.Sprint("one byte too many in fragments of ", size), join(append(frames, masked(last, "*"))...), frame.TooLarge)
	}
	wanted(t, "many", bytes.Repeat(masked(text, "*"), 1000), 0, slices.Repeat([]string{"t*"}, 1000)...)
}
