package auth_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"mime/quotedprintable"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pulselearn/campus-hub/gen/ent/auth/account"
	authv1event "github.com/pulselearn/campus-hub/gen/event/auth/v1"
	authservice "github.com/pulselearn/campus-hub/gen/service/auth"
	"github.com/pulselearn/campus-hub/platform/mail/mailtest"
	"github.com/pulselearn/campus-hub/platform/platformtest"
	"github.com/pulselearn/campus-hub/platform/service"
	"github.com/pulselearn/campus-hub/platform/tx"
	"github.com/pulselearn/campus-hub/services/auth"
	"github.com/pulselearn/campus-hub/services/auth/migrations"
	"github.com/pulselearn/campus-hub/services/auth/seal"
)

// spied tells the test where the data is.
type spied struct {
	*auth.Service
	dir *string
}

// Configure implements [service.Configurable].
func (s spied) Configure(cfg *service.Config) error {
	*s.dir = cfg.DataDir
	return s.Service.Configure(cfg)
}

// runWithMail runs a test that reads the mail of the embedded default.
func runWithMail(t *testing.T, test func(b *browser, mails func() []string)) {
	t.Helper()
	var dir string
	register := func(app *service.App) { authservice.Register(app, spied{auth.New(), &dir}, migrations.Files) }
	platformtest.Run(t, register, func(h *platformtest.Harness) {
		test(newBrowser(h), func() []string { return mailsIn(t, dir) })
	})
}

// mailsIn returns the mails in the data directory, as people see them.
func mailsIn(t *testing.T, dir string) (mails []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "mail", "*.eml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(quotedprintable.NewReader(f))
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		mails = append(mails, string(text))
	}
	return mails
}

// forgot asks for a mail.
func (b *browser) forgot(name string) answer {
	b.T.Helper()
	page := b.get("/oauth/forgot")
	return b.post("/oauth/forgot", form(page.body, name, ""))
}

var link = regexp.MustCompile(regexp.QuoteMeta(issuer) + `/oauth/reset\?reset=(\S+)`)

// secretIn returns the secret of the link in a mail.
func secretIn(t *testing.T, mail string) string {
	t.Helper()
	found := link.FindStringSubmatch(mail)
	if found == nil {
		t.Fatalf("no link in %s", mail)
	}
	return found[1]
}

// set opens a link and types a password, twice.
func (b *browser) set(secret, typed, again string) answer {
	b.T.Helper()
	page := b.get("/oauth/reset?reset=" + secret)
	values := form(page.body, "", typed)
	values.Set("reset", secret)
	values.Set("again", again)
	return b.post("/oauth/reset", values)
}

func TestForgottenPassword(t *testing.T) {
	runWithMail(t, func(b *browser, mails func() []string) {
		here := b.enter("ada")
		page := b.get(b.location(newBrowser(b.Harness).authorize(newVisit())).String())
		if !strings.Contains(page.body, `<a href="/oauth/forgot?request=`) {
			b.T.Errorf("the log-in page has no way to it: %s", page.body)
		}
		stranger := newBrowser(b.Harness)
		known, unknown := stranger.forgot(" ADA "), stranger.forgot("nobody@campus.example")
		if known.StatusCode != http.StatusSeeOther || known.Status != unknown.Status || known.body != unknown.body || stranger.location(known).String() != stranger.location(unknown).String() {
			b.T.Errorf("answers differ: %s %s, %s %s", known.Status, known.body, unknown.Status, unknown.body)
		}
		b.Quiet()
		asked := platformtest.Published[*authv1event.PasswordResetRequested](b.Harness)
		if len(asked) != 2 || len(mails()) != 1 || !strings.Contains(mails()[0], "To: \"Ada\" <ada@campus.example>") {
			b.T.Fatalf("%d events and the mails %v", len(asked), mails())
		}
		secret := secretIn(b.T, mails()[0])
		for _, e := range asked {
			if strings.Contains(fmt.Sprint(e), secret) || secret == e.ResetID {
				b.T.Error("the event has the secret in it")
			}
		}
		b.InTx("auth", func(ctx context.Context, core *tx.Tx) error {
			rows, err := authservice.NewTx(core).PasswordReset.Query().All(ctx)
			if len(rows) != 2 || strings.Contains(fmt.Sprint(rows), secret) {
				b.T.Errorf("stored %v", rows)
			}
			return err
		})
		if a := stranger.get("/oauth/reset?reset=" + secret); a.StatusCode != http.StatusOK || a.Header.Get("Referrer-Policy") != "no-referrer" {
			b.T.Errorf("the link: %s %v", a.Status, a.Header)
		}
		for typed, want := range map[string]string{"short": "fewer than 10", "another horse": "not the same"} {
			if a := stranger.set(secret, typed, "correct horse"); a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(a.body, want) {
				b.T.Errorf("%s: %s %s", typed, a.Status, a.body)
			}
		}
		if a := stranger.set(secret, "correct horse", "correct horse"); a.StatusCode != http.StatusSeeOther {
			b.T.Fatalf("%s %s", a.Status, a.body)
		}
		if got := b.refresh(here.Refresh); got.Error != "invalid_grant" {
			b.T.Errorf("the session goes on: %+v", got)
		}
		if a := newBrowser(b.Harness).logIn(newVisit(), "ada", seeded); a.StatusCode != http.StatusUnauthorized {
			b.T.Errorf("the old password is still good: %s", a.Status)
		}
		if a := newBrowser(b.Harness).logIn(newVisit(), "ada", "correct horse"); a.StatusCode != http.StatusSeeOther {
			b.T.Errorf("the new password: %s", a.Status)
		}
		if a := stranger.set(secret, "third horse!", "third horse!"); a.StatusCode != http.StatusBadRequest || !strings.Contains(a.body, "of no use") {
			b.T.Errorf("a second time: %s", a.Status)
		}
		b.Quiet()
		ended := platformtest.One[*authv1event.SessionExpired](b.Harness)
		if ended.UserID != adaID || ended.Reason != authv1event.EndReasonPasswordChanged {
			b.T.Errorf("published %v", ended)
		}
	})
}

// A link is of no use after half an hour, after another one of the account was
// used, and when the account was disabled.
func TestLinksThatAreOfNoUse(t *testing.T) {
	runWithMail(t, func(b *browser, mails func() []string) {
		useless := func(what, secret string) {
			b.T.Helper()
			for _, a := range []answer{b.get("/oauth/reset?reset=" + secret), b.set(secret, "correct horse", "correct horse")} {
				if a.StatusCode != http.StatusBadRequest || !strings.Contains(a.body, "of no use") {
					b.T.Errorf("%s: %s %s", what, a.Status, a.body)
				}
			}
		}
		useless("a guess", "guess")
		b.forgot("ben")
		b.forgot("ben@campus.example")
		b.forgot("nobody")
		b.Quiet()
		if len(mails()) != 2 {
			b.T.Fatalf("mails %v", mails())
		}
		first, second := secretIn(b.T, mails()[0]), secretIn(b.T, mails()[1])
		if a := b.set(first, "correct horse", "correct horse"); a.StatusCode != http.StatusSeeOther {
			b.T.Fatalf("%s", a.Status)
		}
		useless("the other one of the account", second)
		b.forgot("tess")
		b.Quiet()
		var late string
		for _, m := range mails() {
			if strings.Contains(m, "tess@") {
				late = secretIn(b.T, m)
			}
		}
		b.Advance(30*time.Minute + time.Second)
		useless("after half an hour", late)
	})
}

// Asking is bounded, the same for names that nobody has, and nothing goes out
// for a disabled account.
func TestTooManyMails(t *testing.T) {
	runWithMail(t, func(b *browser, mails func() []string) {
		for _, name := range []string{"ada", "nobody"} {
			for range 3 {
				if a := b.forgot(name); a.StatusCode != http.StatusSeeOther {
					b.T.Fatalf("%s: %s", name, a.Status)
				}
			}
			if a := b.forgot(name); a.StatusCode != http.StatusTooManyRequests || a.Header.Get("Retry-After") == "" {
				b.T.Errorf("%s: %s", name, a.Status)
			}
		}
		b.Quiet()
		if len(mails()) != 3 {
			b.T.Errorf("%d mails", len(mails()))
		}
		b.enter("ada") // who forgets and remembers is not kept out
	})
}

// One's own password is changed by whoever is logged in and knows the old one.
func TestPasswordPage(t *testing.T) {
	run(t, func(b *browser) {
		if a := b.get("/.well-known/change-password"); b.location(a).Path != "/oauth/password" {
			b.T.Errorf("%s", a.Status)
		}
		if a := b.get("/oauth/password"); a.StatusCode != http.StatusUnauthorized || !strings.Contains(a.body, "not logged in") {
			b.T.Errorf("nobody: %s", a.Status)
		}
		here, elsewhere := b.enter("ada"), newBrowser(b.Harness).enter("ada")
		page := b.get("/oauth/password")
		change := func(old, typed, again string, header ...string) answer {
			values := form(page.body, "", typed)
			values.Set("old", old)
			values.Set("again", again)
			return b.post("/oauth/password", values, header...)
		}
		for name, test := range map[string]struct {
			a      answer
			status int
			part   string
		}{
			"the old one is wrong": {change("wrong", "correct horse", "correct horse"), 422, "current password is wrong"},
			"a short one":          {change(seeded, "short", "short"), 422, "fewer than 10"},
			"another one":          {change(seeded, "correct horse", "another horse"), 422, "not the same"},
			"another site":         {change(seeded, "correct horse", "correct horse", "Sec-Fetch-Site", "cross-site"), 403, "Allow cookies"},
		} {
			if test.a.StatusCode != test.status || !strings.Contains(test.a.body, test.part) {
				b.T.Errorf("%s: %s %s", name, test.a.Status, test.a.body)
			}
		}
		if a := newBrowser(b.Harness).post("/oauth/password", url.Values{}); a.StatusCode != http.StatusUnauthorized {
			b.T.Errorf("another browser: %s", a.Status)
		}
		if a := change(seeded, "correct horse", "correct horse"); a.StatusCode != http.StatusSeeOther {
			b.T.Fatalf("%s %s", a.Status, a.body)
		}
		if got := b.refresh(elsewhere.Refresh); got.Error != "invalid_grant" {
			b.T.Errorf("the other session goes on: %+v", got)
		}
		if got := b.refresh(here.Refresh); got.Access == "" {
			b.T.Errorf("this session is over: %+v", got)
		}
		b.Quiet()
		if ended := platformtest.One[*authv1event.SessionExpired](b.Harness); ended.Reason != authv1event.EndReasonPasswordChanged {
			b.T.Errorf("published %v", ended)
		}
		for range 9 {
			change("wrong", "correct horse", "correct horse")
		}
		change("wrong", "correct horse", "correct horse")
		if a := change("correct horse", "third horse!", "third horse!"); a.StatusCode != http.StatusTooManyRequests {
			b.T.Errorf("after ten wrong ones: %s", a.Status)
		}
	})
}

// Without a mail server nobody is promised a mail.
func TestNoMail(t *testing.T) {
	register := func(app *service.App) { authservice.Register(app, production{auth.New()}, migrations.Files) }
	platformtest.Run(t, register, func(h *platformtest.Harness) {
		b := newBrowser(h)
		login := b.get(strings.Replace(b.location(b.authorize(newVisit())).String(), issuer, "https://campus.example", 1))
		if a := b.get("https://campus.example/oauth/forgot"); a.StatusCode != http.StatusNotFound || strings.Contains(login.body, "Forgot") {
			h.T.Errorf("%s %s", a.Status, login.body)
		}
	})
}

var authKey = []byte(strings.Repeat("k", seal.KeySize))

// mailing is the service with a mail server of the test's, and a key that the
// test knows.
type mailing struct {
	*auth.Service
	addr string
}

// Configure implements [service.Configurable].
func (m mailing) Configure(cfg *service.Config) error {
	own := *cfg
	own.SMTPAddr, own.Provider.Keys = m.addr, [][]byte{authKey}
	return m.Service.Configure(&own)
}

// Wherever the process dies, the mail goes out, and that is noted.
func TestCrashesAroundAMail(t *testing.T) {
	server := mailtest.Start(t, nil)
	register := func(app *service.App) {
		authservice.Register(app, mailing{auth.New(), server.Addr}, migrations.Files)
	}
	box, err := seal.New(authKey)
	if err != nil {
		t.Fatal(err)
	}
	platformtest.CrashEverywhere(t, register, func(h *platformtest.Harness) {
		h.InTx("auth", func(ctx context.Context, core *tx.Tx) error {
			tx := authservice.NewTx(core)
			id := tx.NewID()
			err := tx.Account.Create().SetID(adaID).SetEmail("ada@example.org").SetDisplayName("Ada").SetRole(account.RoleStudent).
				SetPasswordHash("none").SetPasswordChangedAt(tx.Now()).SetCreatedAt(tx.Now()).Exec(ctx)
			if err != nil {
				return err
			}
			token := sha256.Sum256([]byte(base64.RawURLEncoding.EncodeToString(box.MAC("password reset " + id))))
			err = tx.PasswordReset.Create().SetID(id).SetAccountID(adaID).SetTokenHash(hex.EncodeToString(token[:])).
				SetCreatedAt(tx.Now()).SetExpiresAt(tx.Now().Add(time.Hour)).Exec(ctx)
			if err != nil {
				return err
			}
			return tx.Publish(ctx, &authv1event.PasswordResetRequested{ResetID: id, OccurredAt: tx.Now()})
		})
		h.Quiet()
	}, func(h *platformtest.Harness) {
		h.InTx("auth", func(ctx context.Context, core *tx.Tx) error {
			reset, err := authservice.NewTx(core).PasswordReset.Query().Only(ctx)
			if err == nil && reset.SentAt == nil {
				h.T.Error("no mail went out")
			}
			return err
		})
	})
}
