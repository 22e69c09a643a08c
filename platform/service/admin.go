package service

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/pulselearn/campus-hub/platform/admin/adminserver"
	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/schema"
)

// startAdmin begins to listen for the person on call. Until the contexts are
// there, the API says what the start waits for.
func (p *Process) startAdmin(context.Context) error {
	if p.cfg.AdminAddr == "" {
		return nil
	}
	l, err := p.engines.listen(p.cfg.AdminAddr, "PL_ADMIN_ADDR")
	if err != nil {
		return err
	}
	p.openAdmin()
	p.admin = serve(l, &p.adminGate, p.log, p.failed)
	p.onClose("admin API", p.admin.drain)
	return nil
}

// openAdmin serves the contexts that there are.
func (p *Process) openAdmin() {
	cfg := adminserver.Config{Service: p.app.name, Token: p.cfg.AdminToken, NotReady: p.notReady, Logger: p.log}
	broker, _ := p.conn.(driver.Surveyor)
	for _, u := range p.units {
		cfg.Contexts = append(cfg.Contexts, adminserver.Context{
			Name: u.Context, DB: u.db, Store: u.store, Router: u.router, Consumers: u.Consumers, Publishes: u.Publishes,
			Decoder: p.schemas, Schemas: p.schemas, Broker: broker, Pauses: &p.pauses,
		})
	}
	p.adminGate.set(adminserver.New(cfg))
}

func (p *Process) notReady(ctx context.Context) map[string]string {
	ctx, cancel := context.WithTimeout(ctx, readinessTimeout)
	defer cancel()
	missing := map[string]string{}
	for name, err := range p.components(ctx) {
		if err != nil {
			missing[name] = err.Error()
		}
	}
	return missing
}

// Writer implements [adminserver.Schemas].
func (s *schemas) Writer(ctx context.Context, headers []event.Header, value []byte) (*avro.Schema, schema.Frame, []byte, error) {
	return s.decoder.Writer(ctx, headers, value)
}

// checkAdmin refuses an admin API that anybody could use.
func (c *Config) checkAdmin() error {
	if c.AdminAddr == "" || c.AdminToken != "" {
		return nil
	}
	host, _, err := net.SplitHostPort(c.AdminAddr)
	if ip := net.ParseIP(host); err == nil && (host == "localhost" || ip != nil && ip.IsLoopback()) {
		return nil
	}
	return fmt.Errorf("PL_ADMIN_TOKEN: needed, because PL_ADMIN_ADDR=%s can be reached from other machines; set it to a long random text, or listen on 127.0.0.1", c.AdminAddr)
}

// shortestToken is how many characters a token has at least.
const shortestToken = 16

func setAdminToken(c *Config, value string) error {
	if value != "" && len(value) < shortestToken {
		return fmt.Errorf("the token has fewer than %d characters: make a random one, for example with \"openssl rand -hex 32\"", shortestToken)
	}
	c.AdminToken = value
	return nil
}

func setAdminAddr(c *Config, value string) error {
	if value == "off" {
		c.AdminAddr = ""
		return nil
	}
	if err := checkAddress(value); err != nil {
		return errors.Join(err, errors.New("\"off\" serves no admin API"))
	}
	c.AdminAddr = value
	return nil
}

func adminAddr(c *Config) string {
	if c.AdminAddr == "" {
		return "off"
	}
	return c.AdminAddr
}

func shownSecret(value string) string {
	if value == "" {
		return ""
	}
	return "xxxxx"
}
