package service

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"
)

// writePlaces tells a person where everything is.
func (p *Process) writePlaces(w io.Writer, took time.Duration) {
	fmt.Fprintf(w, "%s is ready in %s\n", p.app.name, took.Round(time.Millisecond))
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, place := range p.places() {
		fmt.Fprintf(table, "  %s\t%s\n", place[0], place[1])
	}
	_ = table.Flush() // a terminal that is gone needs no places
}

func (p *Process) places() [][2]string {
	var places [][2]string
	add := func(name, where string) { places = append(places, [2]string{name, where}) }
	if p.calls != nil {
		base := "http://" + p.calls.addr.String()
		if p.app.site != nil {
			add("page", p.cfg.PublicURL+p.seeded())
		}
		add("calls", base+"/pl.<context>.v1.<Service>/<Method>  (Connect, gRPC and gRPC-Web; reflection)")
		if len(p.app.front.APIs) > 0 {
			add("rest", base+"/api/v1  ("+base+"/openapi.json)")
		}
		if p.app.front.GraphQL.SDL != "" {
			add("graphql", base+"/graphql")
		}
		if p.live != nil {
			add("realtime", "ws://"+p.calls.addr.String()+"/realtime  (docs/realtime.md)")
		}
		add("health", base+"/healthz  "+base+"/readyz")
		add("metrics", base+"/metrics")
	}
	if p.admin != nil {
		add("admin", "http://"+p.admin.addr.String()+"/v1  (pl-gen dlq, consumer, outbox, saga)")
	}
	if len(p.cfg.NATSServers) > 0 {
		add("nats", withoutPasswords(p.cfg.NATSServers))
	} else {
		add("kafka", strings.Join(p.brokers(), ",")+p.embedded(p.broker != nil))
	}
	add("registry", p.registryURL()+p.embedded(p.registry != nil))
	for _, u := range p.units {
		url, _ := p.cfg.databaseURL(u.Context)
		where := withoutPassword(url)
		if where == "" {
			where = filepath.Join(p.cfg.DataDir, u.Context+".db") + "  (SQLite: survives a killed process; a power cut may lose the last commits)"
		}
		add(u.Context, where)
	}
	return places
}

// seeded says who can log in.
func (p *Process) seeded() string {
	if p.cfg.Embedded() && p.app.has("auth") {
		return "  (log in as ada or ben, students, or tess, a teacher; password pulselearn)"
	}
	return ""
}

func (p *Process) embedded(yes bool) string {
	if yes {
		return "  (embedded, keeps its data in " + p.cfg.DataDir + ")"
	}
	return ""
}

// healthcheck fails unless the process that listens on PL_HTTP_ADDR is ready,
// so that a container without a shell can probe itself.
func (c *cli) healthcheck(cfg *Config) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*readinessTimeout)
	defer cancel()
	url := "http://" + reachable(cfg.HTTPAddr) + "/readyz"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	if err != nil {
		return fmt.Errorf("read %s: %w", url, err)
	}
	if _, err := c.stdout.Write(body); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("not ready: %s", response.Status)
	}
	return nil
}

// reachable turns an address to listen on into one to connect to.
func reachable(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); err == nil && (host == "" || ip != nil && ip.IsUnspecified()) {
		return net.JoinHostPort("localhost", port)
	}
	return addr
}
