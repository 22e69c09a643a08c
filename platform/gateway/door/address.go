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
		addr, ok := parseHop(strings.TrimSpace(hop))
		if !ok || !d.trusts(from) {
			break
		}
		from = addr
	}
	if from.Is6() {
		prefix, _ := from.WithZone("").Prefix(addressBits) // IPv6 has as many bits
		return prefix.String()
	}
	return from.String()
}

// parseHop reads an entry of X-Forwarded-For, to which some proxies add a port.
func parseHop(hop string) (netip.Addr, bool) {
	if addr, err := netip.ParseAddr(hop); err == nil {
		return addr.Unmap(), true
	}
	withPort, err := netip.ParseAddrPort(hop)
	return withPort.Addr().Unmap(), err == nil
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
