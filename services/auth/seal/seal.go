// Package seal encrypts what the context keeps secret: signing keys in its
// database, and log-in requests that a browser carries.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// KeySize is how many bytes a key has.
const KeySize = 32

// ErrOpen means that something was sealed with another key or for another
// purpose, or has been changed.
var ErrOpen = errors.New("cannot be decrypted: it was made with another key, or has been changed")

// A Box seals with its first key and opens with all of them. It is safe for
// concurrent use.
type Box struct {
	sealers []cipher.AEAD
	macs    [][]byte // a key for each
}

// New returns a box. It needs at least one key of [KeySize] bytes.
func New(keys ...[]byte) (*Box, error) {
	b := new(Box)
	for _, key := range keys {
		if len(key) != KeySize {
			return nil, fmt.Errorf("a key has %d bytes, not %d", len(key), KeySize)
		}
		sealer, err := newSealer(key)
		if err != nil {
			return nil, err
		}
		mac, err := hkdf.Key(sha256.New, key, nil, "pl.auth mac", sha256.Size)
		if err != nil {
			return nil, err
		}
		b.sealers, b.macs = append(b.sealers, sealer), append(b.macs, mac)
	}
	if len(keys) == 0 {
		return nil, errors.New("there is no key to seal with")
	}
	return b, nil
}

func newSealer(key []byte) (cipher.AEAD, error) {
	derived, err := hkdf.Key(sha256.New, key, nil, "pl.auth seal", KeySize)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// Seal encrypts text for a purpose.
func (b *Box) Seal(purpose string, text []byte) []byte {
	return b.sealers[0].Seal(nil, nil, text, []byte(purpose))
}

// Open decrypts what was sealed for the same purpose, or fails with [ErrOpen].
func (b *Box) Open(purpose string, sealed []byte) ([]byte, error) {
	for _, s := range b.sealers {
		if text, err := s.Open(nil, nil, sealed, []byte(purpose)); err == nil {
			return text, nil
		}
	}
	return nil, ErrOpen
}

// MAC returns a code of text that only holders of the first key can make.
func (b *Box) MAC(text string) []byte { return mac(b.macs[0], text) }

// MACs returns the codes of text by all keys, the first one's first.
func (b *Box) MACs(text string) [][]byte {
	codes := make([][]byte, len(b.macs))
	for i, key := range b.macs {
		codes[i] = mac(key, text)
	}
	return codes
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// LoadKey returns the key in a file, which it makes when there is none. Of
// several processes that make it at once, all get the same.
func LoadKey(path string) ([]byte, error) {
	if err := makeKey(path); err != nil {
		return nil, err
	}
	key, err := os.ReadFile(path)
	if err == nil && len(key) != KeySize {
		err = fmt.Errorf("%s has %d bytes, not the %d of a key", path, len(key), KeySize)
	}
	return key, err
}

// makeKey writes a key next to path and links it there, so that nobody reads
// half a key.
func makeKey(path string) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // with mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // what is linked stays
	key := make([]byte, KeySize)
	_, _ = rand.Read(key) // never fails
	_, err = f.Write(key)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return nil
}
