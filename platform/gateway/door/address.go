package door

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// addressBits is how much of an IPv6 address tells callers apart: a household
// has all addresses below it.
const addressBits = 64

// address returns where a request comes from, as far as that is known: the
// last address that no trusted proxy has.
func (d *Door) address(r *http.Request) string {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	from := peer.Addr().Unmap()
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		addr, err := netip.ParseAddr(strings.TrimSpace(hop))
		if err != nil || !d.trusts(from) {
			break
		}
		from = addr.Unmap()
	}
	if from.Is6() {
		prefix, _ := from.WithZone("").Prefix(addressBits) // IPv6 has as many bits
		return prefix.String()
	}
	return from.String()
}

func (d *Door) trusts(a netip.Addr) bool {
	return slices.ContainsFunc(d.config.Proxies, func(p netip.Prefix) bool { return p.Contains(a) })
}

// isHTTPS tells whether the client came over TLS, to this process or to a
// proxy in front of it.
func (d *Door) isHTTPS(r *http.Request) bool {
	if r.TLS != nil {
		return true
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && d.trusts(peer.Addr().Unmap()) && r.Header.Get("X-Forwarded-Proto") == "https"
}
