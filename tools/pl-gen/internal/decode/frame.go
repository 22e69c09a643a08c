// Package decode reads a record's value by hand: how it is framed, which schema
// it was written with, and what it says.
package decode

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
)

// A Framing is how a value names its schema.
type Framing string

// The framings.
const (
	// Bare is Avro alone, as the outbox has it.
	Bare Framing = "none"
	// ID is Confluent's: a zero byte and a registry's id of four bytes.
	ID Framing = "id"
	// GUID is Confluent's newer one: a byte 1 and a GUID of sixteen.
	GUID Framing = "guid"
)

// A Value is a record's value taken apart.
type Value struct {
	Framing Framing
	// ID is the registry's id, GUID the schema's, as hexadecimal digits.
	ID   int
	GUID string
	// Datum is the Avro after the framing.
	Datum []byte
}

// Text forms of a value.
const (
	Auto   = "auto"
	Raw    = "raw"
	Hex    = "hex"
	Base64 = "base64"
)

// Bytes turns input in one of the forms into bytes. Auto takes what consists of
// hexadecimal digits for hex, and what is base64 of a framed value for base64.
func Bytes(input []byte, form string) ([]byte, error) {
	text := bytes.Join(bytes.Fields(input), nil)
	switch form {
	case Raw:
		return input, nil
	case Hex:
		return unhex(text)
	case Base64:
		return unbase64(text)
	case Auto:
		return guess(input, text), nil
	}
	return nil, fmt.Errorf("%q is none of auto, raw, hex and base64", form)
}

func unhex(text []byte) ([]byte, error) {
	out, err := hex.DecodeString(string(bytes.TrimPrefix(text, []byte("0x"))))
	if err != nil {
		return nil, errors.New("the input is not hex: it needs two digits a byte")
	}
	return out, nil
}

func unbase64(text []byte) ([]byte, error) {
	out, err := base64.StdEncoding.DecodeString(string(text))
	if err != nil {
		return nil, errors.New("the input is not base64")
	}
	return out, nil
}

func guess(input, text []byte) []byte {
	if out, err := unhex(text); err == nil && len(out) > 0 {
		return out
	}
	if out, err := unbase64(text); err == nil && len(out) > 0 && out[0] <= 1 {
		return out
	}
	return input
}

// Parse takes a value apart. With bare it is Avro alone.
func Parse(value []byte, bare bool) (Value, error) {
	switch {
	case bare:
		return Value{Framing: Bare, Datum: value}, nil
	case len(value) == 0:
		return Value{}, errors.New("there is no value: a record without one is a tombstone, which no consumer accepts")
	case value[0] == 0 && len(value) >= 5:
		return Value{Framing: ID, ID: int(binary.BigEndian.Uint32(value[1:])), Datum: value[5:]}, nil
	case value[0] == 1 && len(value) >= 17:
		return Value{Framing: GUID, GUID: hex.EncodeToString(value[1:17]), Datum: value[17:]}, nil
	case value[0] <= 1:
		return Value{}, fmt.Errorf("the value begins as Confluent's wire format does, but its %d bytes are too few for a schema's id", len(value))
	}
	return Value{}, fmt.Errorf("byte 0 is 0x%02x, and Confluent's wire format begins with 0x00 or 0x01: a value from the outbox has no framing (--bare), and other formats are not Avro", value[0])
}
