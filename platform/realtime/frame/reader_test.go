package frame_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/gobwas/ws"

	"github.com/pulselearn/campus-hub/platform/realtime/frame"
)

const limit = 1 << 10

// masked is a frame as a client sends it. Bits of first are FIN, RSV and the
// opcode.
func masked(first byte, payload string) []byte {
	h := ws.Header{Fin: first&0x80 != 0, Rsv: first >> 4 & 7, OpCode: ws.OpCode(first & 0x0f), Masked: true, Mask: [4]byte{1, 2, 3, 4}, Length: int64(len(payload))}
	var b bytes.Buffer
	_ = ws.WriteHeader(&b, h)
	body := []byte(payload)
	ws.Cipher(body, h.Mask, 0)
	b.Write(body)
	return b.Bytes()
}

const (
	text, binary, closing, pinging, ponging = 0x81, 0x82, 0x88, 0x89, 0x8a
	textPart, more, last                    = 0x01, 0x00, 0x80
)

func join(frames ...[]byte) []byte { return bytes.Join(frames, nil) }

// read returns what a reader hands out, given bytes in pieces of a size.
func read(data []byte, piece int) (got []string, err error) {
	var r frame.Reader
	for len(data) > 0 {
		n := min(piece, len(data))
		r.Add(bytes.Clone(data[:n]))
		data = data[n:]
		for {
			m, ok, err := r.Next(limit)
			if err != nil {
				return got, err
			}
			if !ok {
				break
			}
			got = append(got, string("?tpoc"[m.Kind])+string(m.Payload))
		}
		r.Keep()
	}
	return got, nil
}

func TestReader(t *testing.T) {
	long := strings.Repeat("é", 300)
	for name, c := range map[string]struct {
		data []byte
		want []string
	}{
		"a message":                        {masked(text, "hello"), []string{"thello"}},
		"an empty message":                 {masked(text, ""), []string{"t"}},
		"a long message":                   {masked(text, long), []string{"t" + long}},
		"two at once":                      {join(masked(text, "a"), masked(text, "b")), []string{"ta", "tb"}},
		"fragments":                        {join(masked(textPart, "a"), masked(more, "b"), masked(last, "c")), []string{"tabc"}},
		"empty fragments":                  {join(masked(textPart, ""), masked(more, ""), masked(last, "")), []string{"t"}},
		"a ping between fragments":         {join(masked(textPart, "a"), masked(pinging, "!"), masked(last, "b")), []string{"p!", "tab"}},
		"a character cut by fragments":     {join(masked(textPart, "\xc3"), masked(last, "\xa9")), []string{"té"}},
		"a ping of 125 bytes":              {masked(pinging, strings.Repeat("x", 125)), []string{"p" + strings.Repeat("x", 125)}},
		"a pong that nobody asked for":     {masked(ponging, "x"), []string{"ox"}},
		"a close":                          {masked(closing, "\x03\xe8bye"), []string{"c\x03\xe8bye"}},
		"a close without a code":           {masked(closing, ""), []string{"c"}},
		"a close with a code of one's own": {masked(closing, "\x0f\xa0"), []string{"c\x0f\xa0"}},
		"nothing is read after a close":    {join(masked(closing, "\x03\xe8"), masked(text, "late")), []string{"c\x03\xe8"}},
		"as much as may be":                {masked(text, strings.Repeat("x", limit)), []string{"t" + strings.Repeat("x", limit)}},
	} {
		for _, piece := range []int{1, 3, 1 << 20} {
			got, err := read(c.data, piece)
			if err != nil || strings.Join(got, "|") != strings.Join(c.want, "|") {
				t.Errorf("%s, in pieces of %d: got %q, %v", name, piece, got, err)
			}
		}
	}
}

// TestReaderRefuses follows RFC 6455, and the cases of the Autobahn suite that
// a server for text meets (2 to 7).
func TestReaderRefuses(t *testing.T) {
	unmasked := ws.MustCompileFrame(ws.NewTextFrame([]byte("x")))
	for name, c := range map[string]struct {
		data []byte
		code uint16
	}{
		"a frame without a mask":            {unmasked, frame.ProtocolError},
		"a reserved bit":                    {masked(0xc1, "x"), frame.ProtocolError},
		"all reserved bits":                 {masked(0xf1, "x"), frame.ProtocolError},
		"a reserved opcode for data":        {masked(0x83, "x"), frame.ProtocolError},
		"a reserved opcode for control":     {masked(0x8b, "x"), frame.ProtocolError},
		"binary":                            {masked(binary, "x"), frame.UnsupportedData},
		"a ping of 126 bytes":               {masked(pinging, strings.Repeat("x", 126)), frame.ProtocolError},
		"a ping in fragments":               {masked(0x09, "x"), frame.ProtocolError},
		"a close in fragments":              {masked(0x08, ""), frame.ProtocolError},
		"a continuation of nothing":         {masked(last, "x"), frame.ProtocolError},
		"a new message within one":          {join(masked(textPart, "a"), masked(text, "b")), frame.ProtocolError},
		"bad UTF-8":                         {masked(text, "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80"), frame.InvalidText},
		"UTF-8 that ends too early":         {masked(text, "\xce"), frame.InvalidText},
		"an overlong form":                  {masked(text, "\xc0\xaf"), frame.InvalidText},
		"beyond Unicode":                    {masked(text, "\xf4\x90\x80\x80"), frame.InvalidText},
		"bad UTF-8 in fragments":            {join(masked(textPart, "a"), masked(last, "\xff")), frame.InvalidText},
		"half a close code":                 {masked(closing, "\x03"), frame.ProtocolError},
		"close code 0":                      {masked(closing, "\x00\x00"), frame.ProtocolError},
		"close code 999":                    {masked(closing, "\x03\xe7"), frame.ProtocolError},
		"close code 1004":                   {masked(closing, "\x03\xec"), frame.ProtocolError},
		"close code 1005":                   {masked(closing, "\x03\xed"), frame.ProtocolError},
		"close code 1006":                   {masked(closing, "\x03\xee"), frame.ProtocolError},
		"close code 1015":                   {masked(closing, "\x03\xf7"), frame.ProtocolError},
		"close code 1100":                   {masked(closing, "\x04\x4c"), frame.ProtocolError},
		"close code 2999":                   {masked(closing, "\x0b\xb7"), frame.ProtocolError},
		"close code 5000":                   {masked(closing, "\x13\x88"), frame.ProtocolError},
		"a close reason that is not UTF-8":  {masked(closing, "\x03\xe8\xff"), frame.InvalidText},
		"too large":                         {masked(text, strings.Repeat("x", limit+1)), frame.TooLarge},
		"too large in fragments":            {join(masked(textPart, strings.Repeat("x", limit)), masked(last, "y")), frame.TooLarge},
		"a length that claims 2^63":         {[]byte{text, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4}, frame.ProtocolError},
		"a length that claims much":         {[]byte{text, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4}, frame.TooLarge},
		"a length longer than need be":      {[]byte{text, 0xfe, 0, 5, 1, 2, 3, 4}, frame.ProtocolError},
		"a length much longer than need be": {[]byte{text, 0xff, 0, 0, 0, 0, 0, 0, 1, 0, 1, 2, 3, 4}, frame.ProtocolError},
	} {
		for _, piece := range []int{1, 1 << 20} {
			_, err := read(c.data, piece)
			var fault *frame.Error
			if !errors.As(err, &fault) || fault.Code != c.code {
				t.Errorf("%s, in pieces of %d: got %v, want code %d", name, piece, err, c.code)
			}
		}
	}
}

func FuzzReader(f *testing.F) {
	f.Add(masked(text, "hello"), 3)
	f.Add(join(masked(textPart, "a"), masked(pinging, "!"), masked(last, "b"), masked(closing, "\x03\xe8")), 1)
	f.Add([]byte{text, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 4)
	f.Fuzz(func(t *testing.T, data []byte, piece int) {
		whole, err := read(data, 1<<30)
		pieces, err2 := read(data, max(1, piece%64))
		if strings.Join(whole, "|") != strings.Join(pieces, "|") || (err == nil) != (err2 == nil) {
			t.Errorf("in pieces: %q, %v; at once: %q, %v", pieces, err2, whole, err)
		}
		for _, m := range whole {
			if len(m) > limit+1 {
				t.Errorf("a message of %d bytes", len(m)-1)
			}
		}
	})
}
