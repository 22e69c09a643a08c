package source

import (
	"bytes"
	"encoding/json"
	"strconv"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
)

// Places returns where the members of the JSON value at pos stand, keyed by
// their JSON pointers: "/key" is where the value of "key" begins, "/key#" where
// the key itself stands. A text that is not JSON at pos has no places.
func Places(text []byte, pos diag.Pos) map[string]diag.Pos {
	start, ok := Offset(text, pos)
	if !ok {
		return nil
	}
	p := placer{text: text, base: start, file: pos.File, places: map[string]diag.Pos{}}
	p.dec = json.NewDecoder(bytes.NewReader(text[start:]))
	p.value("")
	return p.places
}

// End returns the place just behind the JSON value at pos, or the end of the
// text when there is no such value.
func End(text []byte, pos diag.Pos) diag.Pos {
	start, ok := Offset(text, pos)
	if !ok {
		return pos
	}
	dec := json.NewDecoder(bytes.NewReader(text[start:]))
	var skipped json.RawMessage
	if dec.Decode(&skipped) != nil {
		return placeOf(text, pos.File, len(text))
	}
	return placeOf(text, pos.File, start+int(dec.InputOffset()))
}

func placeOf(text []byte, file string, at int) diag.Pos {
	before := text[:at]
	return diag.Pos{
		File: file, Line: 1 + bytes.Count(before, []byte("\n")), Col: at - bytes.LastIndexByte(before, '\n'),
	}
}

// Offset returns where in the text a place is; ok is false when it is outside.
func Offset(text []byte, pos diag.Pos) (at int, ok bool) {
	for range pos.Line - 1 {
		i := bytes.IndexByte(text[at:], '\n')
		if i < 0 {
			return 0, false
		}
		at += i + 1
	}
	at += pos.Col - 1
	return at, pos.Line > 0 && pos.Col > 0 && at <= len(text)
}

type placer struct {
	text   []byte
	base   int
	file   string
	dec    *json.Decoder
	places map[string]diag.Pos
}

// next returns where the next token begins.
func (p *placer) next() diag.Pos {
	at := p.base + int(p.dec.InputOffset())
	for at < len(p.text) && bytes.IndexByte([]byte(" \t\r\n,:"), p.text[at]) >= 0 {
		at++
	}
	return placeOf(p.text, p.file, at)
}

// value records the value that comes next; it returns false at the end of
// what can be read.
func (p *placer) value(pointer string) bool {
	p.places[pointer] = p.next()
	token, err := p.dec.Token()
	if err != nil {
		return false
	}
	switch token {
	case json.Delim('{'):
		return p.object(pointer)
	case json.Delim('['):
		return p.array(pointer)
	}
	return true
}

func (p *placer) object(pointer string) bool {
	for p.dec.More() {
		at := p.next()
		key, err := p.dec.Token()
		name, ok := key.(string)
		if err != nil || !ok {
			return false
		}
		p.places[pointer+"/"+name+"#"] = at
		if !p.value(pointer + "/" + name) {
			return false
		}
	}
	_, err := p.dec.Token()
	return err == nil
}

func (p *placer) array(pointer string) bool {
	for i := 0; p.dec.More(); i++ {
		if !p.value(pointer + "/" + strconv.Itoa(i)) {
			return false
		}
	}
	_, err := p.dec.Token()
	return err == nil
}
