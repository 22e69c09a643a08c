// Package pki makes certificates for tests of TLS, as PEM files.
package pki

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// An Authority signs certificates.
type Authority struct {
	// File has the authority's own certificate.
	File string

	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// An Identity is a certificate with its key.
type Identity struct {
	// Cert and Key are files of their own, and Both is one with the key and
	// the certificate.
	Cert, Key, Both string
}

// New makes an authority, whose files live as long as the test.
func New(tb testing.TB) *Authority {
	tb.Helper()
	a := &Authority{dir: tb.TempDir()}
	a.key = newKey(tb)
	a.cert = template("an authority of a test")
	a.cert.IsCA, a.cert.BasicConstraintsValid, a.cert.KeyUsage = true, true, x509.KeyUsageCertSign
	a.File = a.write(tb, "ca.pem", a.sign(tb, a.cert, a.key))
	return a
}

// Issue makes a certificate for a server on the loopback interface, or for the
// client that is called name.
func (a *Authority) Issue(tb testing.TB, name string) Identity {
	tb.Helper()
	cert := template(name)
	cert.DNSNames, cert.IPAddresses = []string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1)}
	cert.KeyUsage = x509.KeyUsageDigitalSignature
	cert.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	key := newKey(tb)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		tb.Fatal(err)
	}
	certPEM, keyPEM := a.sign(tb, cert, key), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	return Identity{
		Cert: a.write(tb, name+".pem", certPEM),
		Key:  a.write(tb, name+".key", keyPEM),
		Both: a.write(tb, name+".both.pem", bytes.Join([][]byte{keyPEM, certPEM}, nil)),
	}
}

func newKey(tb testing.TB) *ecdsa.PrivateKey {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

func template(name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
}

// sign returns the certificate as PEM.
func (a *Authority) sign(tb testing.TB, cert *x509.Certificate, key *ecdsa.PrivateKey) []byte {
	tb.Helper()
	der, err := x509.CreateCertificate(rand.Reader, cert, a.cert, &key.PublicKey, a.key)
	if err != nil {
		tb.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func (a *Authority) write(tb testing.TB, name string, text []byte) string {
	tb.Helper()
	path := filepath.Join(a.dir, name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}
