package lint

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
)

// What a contract may ask for at most.
const (
	maxAttempts      = 100
	maxDeliveryDelay = 24 * time.Hour
	maxCallDelay     = time.Minute
	maxCallTimeout   = time.Minute
	maxBreakerOpen   = 10 * time.Minute
	maxWindow        = 1_000
	maxConcurrency   = 10_000
	maxHold          = 1_000_000
	defaultHold      = 10_000
)

// policies checks what contexts say about failures: of deliveries, of calls
// and of sagas.
func (c *checker) policies() {
	for _, ctx := range c.model.Contexts {
		for _, k := range ctx.Consumes {
			c.consumer(k)
		}
		c.callPolicies(ctx)
		c.sagas(ctx)
	}
}

func (c *checker) consumer(k *model.Consumer) {
	c.retry(k.Retry, model.DeliveryRetry, maxDeliveryDelay)
	hold := cmp.Or(k.HoldLimit, defaultHold)
	switch {
	case k.SkipDead && k.Event.Key == nil:
		c.hold(k, fmt.Sprintf("%s has no key, so ON_DEAD_SKIP has no effect", k.Event.Topic), "remove on_dead")
	case k.KeyLimit > 0 && k.Event.Key == nil:
		c.hold(k, fmt.Sprintf("%s has no key, so key_limit has no effect", k.Event.Topic), "remove key_limit")
	case hold > maxHold:
		c.hold(k, fmt.Sprintf("hold_limit %d is above %d", hold, maxHold), fmt.Sprintf("write a number up to %d", maxHold))
	case k.KeyLimit > hold:
		c.hold(k, fmt.Sprintf("key_limit %d is above hold_limit %d, so it is never reached", k.KeyLimit, hold), "lower key_limit, or raise hold_limit")
	}
}

func (c *checker) hold(k *model.Consumer, message, fix string) {
	c.report(diag.New(diag.ConsumerHold, k.Pos, message).Because(
		"a failed delivery is held in the database of its consumer, and only later events with the same key wait behind it", fix))
}

// retry checks a retry with what it gets for what it leaves out.
func (c *checker) retry(r, defaults model.Retry, longest time.Duration) {
	full := r.OrElse(defaults)
	switch {
	case r == (model.Retry{}):
	case full.Attempts > maxAttempts:
		c.badRetry(r, fmt.Sprintf("%d attempts are more than %d", full.Attempts, maxAttempts), fmt.Sprintf("write a number from 1 to %d", maxAttempts))
	case full.First < time.Millisecond:
		c.badRetry(r, fmt.Sprintf("first_delay %s is shorter than a millisecond", short(full.First)), `write for example first_delay: "500ms"`)
	case full.Max > longest:
		c.badRetry(r, fmt.Sprintf("max_delay %s is longer than %s", short(full.Max), short(longest)), fmt.Sprintf("write at most %q", short(longest)))
	case full.First > full.Max:
		c.badRetry(r, fmt.Sprintf("first_delay %s is longer than max_delay %s", short(full.First), short(full.Max)),
			fmt.Sprintf("set both; what is left out is %q and %q", short(defaults.First), short(defaults.Max)))
	}
}

func (c *checker) badRetry(r model.Retry, message, fix string) {
	c.report(diag.New(diag.RetryPolicy, r.Pos, message).Because(
		"the delay doubles from the first to the longest, and somebody waits for the end of it: a key, or a caller", fix))
}

func (c *checker) callPolicies(ctx *model.Context) {
	seen := map[string]bool{}
	for _, p := range ctx.Policies {
		if seen[p.Name()] {
			c.badPolicy(p, p.Pos, "has two policies", "merge the two")
		}
		seen[p.Name()] = true
		c.callPolicy(p)
	}
}

func (c *checker) callPolicy(p *model.Policy) {
	c.retry(p.Retry, model.CallRetry, maxCallDelay)
	switch {
	case p.Timeout == 0 && p.Retry == (model.Retry{}) && p.Breaker == nil && p.MaxConcurrent == 0 && !p.Fallback:
		c.badPolicy(p, p.Pos, "has a policy that says nothing", "remove it, or add a timeout, a retry, a breaker, max_concurrent or a fallback")
	case p.Timeout > maxCallTimeout || p.Timeout > 0 && p.Timeout < time.Millisecond:
		c.badPolicy(p, p.Pos, fmt.Sprintf("has the timeout %s", short(p.Timeout)), "write a duration between a millisecond and a minute")
	case p.MaxConcurrent > maxConcurrency:
		c.badPolicy(p, p.Pos, fmt.Sprintf("has max_concurrent %d", p.MaxConcurrent), fmt.Sprintf("write a number up to %d", maxConcurrency))
	case p.Fallback && p.Method == nil:
		c.badPolicy(p, p.Pos, "has a fallback for all calls at once",
			fmt.Sprintf("write a policy for the one call that can be answered without %s, for example call: %q", p.Target.Name, p.Target.Name+".GetThing"))
	}
	if p.Breaker != nil {
		c.breaker(p)
	}
}

func (c *checker) breaker(p *model.Policy) {
	b := *p.Breaker
	switch {
	case b.Failures < 1:
		c.badPolicy(p, b.Pos, "has a breaker that opens without a failure", "add failures: 5")
	case b.Window > 0 && b.Window < b.Failures:
		c.badPolicy(p, b.Pos, fmt.Sprintf("has a breaker that needs %d failures of the last %d calls", b.Failures, b.Window), "raise window, or lower failures")
	case max(b.Window, b.Failures) > maxWindow:
		c.badPolicy(p, b.Pos, fmt.Sprintf("has a breaker over %d calls", max(b.Window, b.Failures)), fmt.Sprintf("write a window of up to %d", maxWindow))
	case b.Open > maxBreakerOpen || b.Open > 0 && b.Open < time.Millisecond:
		c.badPolicy(p, b.Pos, fmt.Sprintf("has a breaker that stays open for %s", short(b.Open)), "write a duration between a millisecond and ten minutes")
	}
}

func (c *checker) badPolicy(p *model.Policy, pos diag.Pos, what, fix string) {
	c.report(diag.New(diag.CallPolicy, pos, fmt.Sprintf("%s %s", p.Name(), what)).Because(
		"the generated client keeps to one policy a call; one that cannot hold protects nobody", fix))
}

// short returns a duration as a contract writes it: 15m, not 15m0s.
func short(d time.Duration) string {
	text := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return text
}
