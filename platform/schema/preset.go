package schema

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/pulselearn/campus-hub/platform/avro"
)

// maxPresetDepth bounds the nesting of a default value.
const maxPresetDepth = 64

var errPreset = errors.New("value does not fit its type")

// encodeDefault appends the default value in text as binary data of s.
func encodeDefault(dst []byte, s *avro.Schema, text json.RawMessage, depth int) ([]byte, error) {
	if depth > maxPresetDepth {
		return nil, fmt.Errorf("nested more than %d levels deep", maxPresetDepth)
	}
	switch s.Kind {
	case avro.Null:
		return dst, check(string(bytes.TrimSpace(text)) == "null")
	case avro.Boolean:
		var b bool
		if json.Unmarshal(text, &b) != nil {
			return nil, errPreset
		}
		return appendBool(dst, b), nil
	case avro.Int, avro.Long:
		n, err := strconv.ParseInt(string(bytes.TrimSpace(text)), 10, bits(s))
		return appendLong(dst, n), err
	case avro.Float, avro.Double:
		return presetFloat(dst, s, text)
	case avro.Bytes, avro.String, avro.Enum, avro.Fixed:
		return presetText(dst, s, text)
	case avro.Array:
		return presetArray(dst, s, text, depth)
	case avro.Map:
		return presetMap(dst, s, text, depth)
	case avro.Union:
		return presetUnion(dst, s, text, depth)
	}
	return presetRecord(dst, s, text, depth)
}

func check(ok bool) error {
	if !ok {
		return errPreset
	}
	return nil
}

func appendBool(dst []byte, b bool) []byte {
	if b {
		return append(dst, 1)
	}
	return append(dst, 0)
}

// presetFloat also reads the texts "NaN" and "Infinity", as Java does.
func presetFloat(dst []byte, s *avro.Schema, text json.RawMessage) ([]byte, error) {
	number := string(bytes.Trim(text, " \t\r\n\""))
	f, err := strconv.ParseFloat(number, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return nil, errPreset
	}
	if s.Kind == avro.Float {
		return binary.LittleEndian.AppendUint32(dst, math.Float32bits(float32(f))), nil
	}
	return binary.LittleEndian.AppendUint64(dst, math.Float64bits(f)), nil
}

func presetText(dst []byte, s *avro.Schema, text json.RawMessage) ([]byte, error) {
	var value string
	if json.Unmarshal(text, &value) != nil || string(text) == "null" {
		return nil, errPreset
	}
	switch s.Kind {
	case avro.Enum:
		i := indexOf(s.Symbols, value)
		return appendLong(dst, i), check(i >= 0)
	case avro.Fixed:
		fixed := make([]byte, s.Size) // padded or cut to its size, as in Java
		copy(fixed, latin1(value))
		return append(dst, fixed...), nil
	case avro.Bytes:
		value = string(latin1(value))
	}
	return append(appendLong(dst, int64(len(value))), value...), nil
}

// latin1 returns the bytes that the code points 0 to 255 stand for. Java
// writes a question mark for any other.
func latin1(s string) []byte {
	var out []byte
	for _, r := range s {
		if r > 0xff {
			r = '?'
		}
		out = append(out, byte(r))
	}
	return out
}

func presetArray(dst []byte, s *avro.Schema, text json.RawMessage, depth int) ([]byte, error) {
	var items []json.RawMessage
	if json.Unmarshal(text, &items) != nil || items == nil {
		return nil, errPreset
	}
	if len(items) > 0 {
		dst = appendLong(dst, int64(len(items)))
	}
	var err error
	for _, item := range items {
		if dst, err = encodeDefault(dst, s.Items, item, depth+1); err != nil {
			return nil, err
		}
	}
	return append(dst, 0), nil
}

func presetMap(dst []byte, s *avro.Schema, text json.RawMessage, depth int) ([]byte, error) {
	var values map[string]json.RawMessage
	if json.Unmarshal(text, &values) != nil || values == nil {
		return nil, errPreset
	}
	if len(values) > 0 {
		dst = appendLong(dst, int64(len(values)))
	}
	var err error
	for _, key := range slices.Sorted(maps.Keys(values)) {
		dst = append(appendLong(dst, int64(len(key))), key...)
		if dst, err = encodeDefault(dst, s.Items, values[key], depth+1); err != nil {
			return nil, err
		}
	}
	return append(dst, 0), nil
}

// presetUnion takes the first branch that the value fits.
func presetUnion(dst []byte, s *avro.Schema, text json.RawMessage, depth int) ([]byte, error) {
	for i, branch := range s.Branches {
		if out, err := encodeDefault(appendLong(slices.Clip(dst), int64(i)), branch, text, depth+1); err == nil {
			return out, nil
		}
	}
	return nil, errPreset
}

func presetRecord(dst []byte, s *avro.Schema, text json.RawMessage, depth int) ([]byte, error) {
	var values map[string]json.RawMessage
	if json.Unmarshal(text, &values) != nil || values == nil {
		return nil, errPreset
	}
	var err error
	for _, f := range s.Fields {
		value, ok := values[f.Name]
		if !ok && !f.HasDefault {
			return nil, errPreset
		}
		if !ok {
			value = f.Default
		}
		if dst, err = encodeDefault(dst, f.Type, value, depth+1); err != nil {
			return nil, err
		}
	}
	return dst, nil
}
