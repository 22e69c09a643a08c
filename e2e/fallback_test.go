package e2e

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"

	achievementv1 "github.com/pulselearn/campus-hub/gen/proto/pl/achievement/v1"
	userprofilev1 "github.com/pulselearn/campus-hub/gen/proto/pl/userprofile/v1"
)

// TestLeaderboardWhileUserProfileIsDown kills and stops the process that
// achievement asks for names: the leaderboard goes out without them, at once
// when the breaker is open, and has them again when userprofile is back.
func TestLeaderboardWhileUserProfileIsDown(t *testing.T) {
	t.Parallel()
	d := &deployment{stand: newStand(t), t: t, services: map[string]*program{}}
	d.broker = d.hub(t, "broker")
	d.startBroker()
	for _, name := range []string{"userprofile", "achievement"} {
		d.services[name] = d.program(name, filepath.Join(build(t, "", services...), name), nil,
			"PL_KAFKA_BROKERS="+d.broker.setting("PL_EMBEDDED_KAFKA_ADDR"),
			"PL_REGISTRY_URL=http://"+d.broker.setting("PL_EMBEDDED_REGISTRY_ADDR"), "PL_PROVISION=true")
	}
	users, board := d.services["userprofile"], d.services["achievement"]
	board.set("PL_CALLS_USERPROFILE=" + users.url())
	users.startReady()
	board.startReady()

	c := newCampus(t, func(context string) string {
		if p, ok := d.services[context]; ok {
			return p.url()
		}
		return "http://127.0.0.1:1"
	})
	ada := register(c, "Ada")
	_, err := c.achievements.AwardBadge(t.Context(), &achievementv1.AwardBadgeRequest{
		StudentId: ada, Kind: achievementv1.BadgeKind_BADGE_KIND_HELPING_HAND, SourceId: "homework", Reason: "helped", AwardedBy: teacher.Subject,
	})
	if err != nil {
		t.Fatal(err)
	}
	wantLeader(t, c, "Ada", time.Second)

	users.signal(syscall.SIGSTOP) // connections are accepted, and nobody answers
	wantLeader(t, c, "", 4*time.Second)
	users.kill()
	for range 3 {
		wantLeader(t, c, "", 2*time.Second)
	}
	if open := metric(t, board, "pl_call_breaker"); open != 2 {
		t.Errorf("the breaker is %v, want 2, open", open)
	}
	wantLeader(t, c, "", 500*time.Millisecond)
	for name, least := range map[string]float64{
		"pl_call_fallbacks_total": 5, "pl_call_timeouts_total": 2, "pl_call_retries_total": 2, "pl_call_rejections_total": 1,
	} {
		if got := metric(t, board, name); got < least {
			t.Errorf("%s is %v, want %v at least", name, got, least)
		}
	}

	users.startReady()
	await(t, 20*time.Second, func() error {
		if name := leader(t, c); name != "Ada" {
			return fmt.Errorf("the first of the leaderboard is %q", name)
		}
		return nil
	})
	if closed := metric(t, board, "pl_call_breaker"); closed != 0 {
		t.Errorf("the breaker is %v, want 0, closed", closed)
	}
}

func register(c *campus, name string) string {
	c.t.Helper()
	res, err := c.users.RegisterUser(c.t.Context(), &userprofilev1.RegisterUserRequest{
		DisplayName: name, Email: name + "@example.org", Role: userprofilev1.UserRole_USER_ROLE_STUDENT,
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return res.GetUser().GetId()
}

// leader returns the name of the first on the leaderboard.
func leader(t *testing.T, c *campus) string {
	t.Helper()
	res, err := c.achievements.GetLeaderboard(t.Context(), &achievementv1.GetLeaderboardRequest{})
	if err == nil && len(res.GetEntries()) != 1 {
		err = errors.New("not one entry")
	}
	if err != nil {
		t.Fatalf("leaderboard %v: %v", res, err)
	}
	return res.GetEntries()[0].GetDisplayName()
}

func wantLeader(t *testing.T, c *campus, want string, within time.Duration) {
	t.Helper()
	begin := time.Now()
	if got := leader(t, c); got != want || time.Since(begin) > within {
		t.Errorf("the leader is %q after %v, want %q within %v", got, time.Since(begin), want, within)
	}
}

// metric returns the sum of a metric's samples.
func metric(t *testing.T, p *program, name string) (sum float64) {
	t.Helper()
	_, text, err := get(t.Context(), p.url()+"/metrics")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^`+name+`\{.*\} (\S+)$`).FindAllStringSubmatch(text, -1) {
		value, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		sum += value
	}
	return sum
}
