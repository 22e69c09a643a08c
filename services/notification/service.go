// Package notification keeps what students are told, in words for people, and
// sends it as e-mail to those who want that.
package notification

import (
	"log/slog"
	"path/filepath"

	"github.com/pulselearn/campus-hub/platform/mail"
	"github.com/pulselearn/campus-hub/platform/service"
)

// Service implements the handlers of the context.
type Service struct{ mail mail.Sender }

// New returns the service. [Service.Configure] gives it a way to send mail.
func New() *Service { return &Service{} }

// Configure implements [service.Configurable].
func (s *Service) Configure(cfg *service.Config) (err error) {
	dir := filepath.Join(cfg.DataDir, "mail")
	if cfg.SMTPAddr == "" {
		slog.Info("there is no mail server (PL_SMTP_ADDR): mail is written to a directory", "directory", dir)
	}
	s.mail, err = mail.New(mail.Config{
		Addr: cfg.SMTPAddr, User: cfg.SMTPUser, Password: cfg.SMTPPassword, From: cfg.MailFrom, Dir: dir,
	})
	return err
}
