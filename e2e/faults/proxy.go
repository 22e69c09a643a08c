// Package faults disturbs what runs: the network between a client and a
// server, through a proxy that stands before the server, and processes, by
// signals.
package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"

	"github.com/pulselearn/campus-hub/internal/loopback"
)

// quiet keeps the proxy library from writing to standard error.
var quiet = sync.OnceFunc(func() { zerolog.SetGlobalLevel(zerolog.Disabled) })

// A Proxy passes TCP connections on to one address, and disturbs them when it
// is told to. Disturbances add up until [Proxy.Mend]. It is safe for
// concurrent use.
type Proxy struct {
	mu     sync.Mutex
	proxy  *toxiproxy.Proxy
	broken bool // connections that exist have to end before traffic is normal
}

// NewProxy listens on a [loopback.FreeAddr] for connections to upstream, a
// host:port where nobody has to listen yet.
func NewProxy(upstream string) (*Proxy, error) {
	quiet()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	addr, err := loopback.FreeAddr()
	if err != nil {
		return nil, err
	}
	p := &Proxy{proxy: toxiproxy.NewProxy(server, upstream, addr, upstream)}
	if err := p.proxy.Start(); err != nil {
		return nil, fmt.Errorf("proxy to %s: %w", upstream, err)
	}
	return p, nil
}

// Addr is the host:port for clients. It stays the same.
func (p *Proxy) Addr() string { return p.proxy.Listen }

// Latency delays everything by a duration from mean-jitter to mean+jitter, in
// each direction.
func (p *Proxy) Latency(mean, jitter time.Duration) error {
	return p.add("latency", map[string]int64{"latency": mean.Milliseconds(), "jitter": jitter.Milliseconds()})
}

// Bandwidth lets so many kilobytes a second through, in each direction of
// each connection.
func (p *Proxy) Bandwidth(kilobytes int64) error {
	return p.add("bandwidth", map[string]int64{"rate": kilobytes})
}

// Freeze makes connections half-open: they stay, new ones are accepted, and
// whatever is sent is lost without a word.
func (p *Proxy) Freeze() error {
	return p.breaking(p.add("timeout", map[string]int64{"timeout": 0}))
}

// Reset ends connections as soon as something is sent, the new ones with a TCP
// reset.
func (p *Proxy) Reset() error {
	return p.breaking(p.add("reset_peer", map[string]int64{"timeout": 0}))
}

// breaking notes that the connections are of no use any more.
func (p *Proxy) breaking(err error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.broken = true
	return err
}

// Cut ends all connections and refuses new ones.
func (p *Proxy) Cut() { p.proxy.Stop() }

// Drop ends all connections, once. New ones pass.
func (p *Proxy) Drop() error {
	p.Cut()
	return p.listen()
}

// Mend ends all disturbances. Connections that have lost something end, too.
func (p *Proxy) Mend() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.broken {
		p.proxy.Stop()
		p.broken = false
	}
	p.proxy.Toxics.ResetToxics(context.Background())
	return p.listen()
}

// Close ends all connections and the proxy.
func (p *Proxy) Close() { p.proxy.Stop() }

// listen accepts connections again, if that was stopped.
func (p *Proxy) listen() error {
	p.proxy.Lock()
	enabled := p.proxy.Enabled
	p.proxy.Unlock()
	if enabled {
		return nil
	}
	if err := p.proxy.Start(); err != nil {
		return fmt.Errorf("proxy to %s: %w", p.proxy.Upstream, err)
	}
	return nil
}

// add disturbs both directions. Of a kind that is already there the new
// attributes count.
func (p *Proxy) add(kind string, attributes map[string]int64) error {
	for _, direction := range []string{"upstream", "downstream"} {
		name := kind + "_" + direction
		text, err := json.Marshal(map[string]any{"name": name, "type": kind, "stream": direction, "toxicity": 1, "attributes": attributes})
		if err != nil {
			return err
		}
		if p.proxy.Toxics.GetToxic(name) != nil {
			err = p.proxy.Toxics.RemoveToxic(context.Background(), name)
		}
		if err == nil {
			_, err = p.proxy.Toxics.AddToxicJson(bytes.NewReader(text))
		}
		if err != nil {
			return fmt.Errorf("disturb the proxy to %s: %w", p.proxy.Upstream, err)
		}
	}
	return nil
}
