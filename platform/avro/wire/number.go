package wire

import (
	"math/big"
	"slices"
)

const secondsPerDay = 24 * 60 * 60

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// pow10 returns ten to the power of n.
func pow10(n int) *big.Int {
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil)
}

// unscale returns v times ten to the power of scale, and whether that is a
// whole number of at most precision digits.
func unscale(v *big.Rat, precision, scale int) (*big.Int, bool) {
	if v == nil {
		return nil, false
	}
	scaled, rest := new(big.Int).QuoRem(new(big.Int).Mul(v.Num(), pow10(scale)), v.Denom(), new(big.Int))
	return scaled, rest.Sign() == 0 && scaled.CmpAbs(pow10(precision)) < 0
}

// twosSize returns how many bytes v takes in two's complement, at least one.
func twosSize(v *big.Int) int {
	if v.Sign() < 0 {
		v = new(big.Int).Not(v)
	}
	return v.BitLen()/8 + 1
}

// appendTwos appends v in two's complement, big-endian, in size bytes, which
// are enough.
func appendTwos(b []byte, v *big.Int, size int) []byte {
	at := len(b)
	b = slices.Grow(b, size)[:at+size]
	if v.Sign() >= 0 {
		v.FillBytes(b[at:])
		return b
	}
	new(big.Int).Not(v).FillBytes(b[at:])
	for i := at; i < len(b); i++ {
		b[i] = ^b[i]
	}
	return b
}

// parseTwos reads two's complement, big-endian, of at most precision digits.
func parseTwos(data []byte, precision int) (*big.Int, bool) {
	if len(data) == 0 {
		return nil, false
	}
	negative := data[0] >= 0x80
	data = trimSign(data)
	// A decimal digit takes more than 3 bits, so that 4 are always enough;
	// more bytes are refused before they become a number.
	if len(data) > precision/2+2 {
		return nil, false
	}
	v := new(big.Int).SetBytes(data)
	if negative {
		v.Sub(v, new(big.Int).Lsh(big.NewInt(1), uint(len(data)*8)))
	}
	return v, v.CmpAbs(pow10(precision)) < 0
}

// trimSign drops leading bytes that only repeat the sign.
func trimSign(data []byte) []byte {
	for len(data) > 1 && (data[0] == 0 && data[1] < 0x80 || data[0] == 0xff && data[1] >= 0x80) {
		data = data[1:]
	}
	return data
}
