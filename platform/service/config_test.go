package service

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"connectrpc.com/connect/v2"

	"github.com/pulselearn/campus-hub/platform/rpc"
)

func TestLoadConfigDefaults(t *testing.T) {
	t.Parallel()
	c, err := LoadConfig([]string{"HOME=/root", "PATH=/bin"})
	if err != nil {
		t.Fatal(err)
	}
	if c.HTTPAddr != "127.0.0.1:8080" || c.DataDir != ".pl" || c.DrainTimeout != 20*time.Second || c.LogJSON {
		t.Errorf("got %+v", c)
	}
	if !c.provisions() {
		t.Error("a process with everything embedded does not provision")
	}
}

func TestLoadConfigPrecedence(t *testing.T) {
	t.Parallel()
	path := writeFile(t, "http_addr: 127.0.0.1:1\nlog_format: json\nprovision: true\ndatabase_url_quiz: postgres://file\n")
	c, err := LoadConfig([]string{"PL_CONFIG=" + path, "PL_HTTP_ADDR=127.0.0.1:2", "PL_KAFKA_BROKERS=a:1, b:2,", "PL_CALLS_COURSE=http://c"})
	if err != nil {
		t.Fatal(err)
	}
	if c.HTTPAddr != "127.0.0.1:2" {
		t.Errorf("the environment does not win over the file: %s", c.HTTPAddr)
	}
	if !c.LogJSON || databaseOf(c, "quiz") != "postgres://file" || databaseOf(c, "course") != "" {
		t.Errorf("the file does not win over the defaults: %+v", c)
	}
	if strings.Join(c.KafkaBrokers, " ") != "a:1 b:2" || c.Calls["course"] != "http://c" {
		t.Errorf("got %+v", c)
	}
	if !c.provisions() {
		t.Error("provision: true in the file is lost")
	}
}

func TestProvisionIsAutomatic(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		environ []string
		want    bool
	}{
		{nil, true},
		{[]string{"PL_KAFKA_BROKERS=a:1"}, false},
		{[]string{"PL_KAFKA_BROKERS=a:1", "PL_PROVISION=true"}, true},
		{[]string{"PL_PROVISION=false"}, false},
		{[]string{"PL_PROVISION=auto"}, true},
	} {
		c, err := LoadConfig(test.environ)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.provisions(); got != test.want {
			t.Errorf("%v: provisions is %v, want %v", test.environ, got, test.want)
		}
	}
}

func TestLoadConfigReportsEveryMistake(t *testing.T) {
	t.Parallel()
	path := writeFile(t, "http_adr: 127.0.0.1:1\n")
	_, err := LoadConfig([]string{
		"PL_CONFIG=" + path, "PL_LOG_LEVL=debug", "PL_NONSENSE_AT_ALL=1", "PL_LOG_FORMAT=xml", "PL_HTTP_ADDR=nowhere",
		"PL_PROVISION=perhaps", "PL_DRAIN_TIMEOUT=-1s", "PL_REGISTRY_URL=localhost:8081", "PL_KAFKA_BROKERS=kafka",
		"PL_LOG_LEVEL=loud", "PL_EMBEDDED_KAFKA_ADDR=:70000",
	})
	var wrong *ConfigError
	if !errors.As(err, &wrong) {
		t.Fatalf("got %v, want a ConfigError", err)
	}
	for _, want := range []string{
		path + ": http_adr: there is no such setting (did you mean PL_HTTP_ADDR?)",
		"PL_LOG_LEVL: there is no such setting (did you mean PL_LOG_LEVEL?)",
		`PL_NONSENSE_AT_ALL: there is no such setting; the command "config" lists all`,
		`PL_LOG_FORMAT: "xml" is neither text nor json`,
		`PL_HTTP_ADDR: "nowhere" is not host:port`,
		`PL_PROVISION: "perhaps" is none of true, false and auto`,
		`PL_DRAIN_TIMEOUT: "-1s" is not a duration such as 20s`,
		"PL_REGISTRY_URL: the value is not a URL such as http://127.0.0.1:8081",
		`PL_KAFKA_BROKERS: "kafka" is not host:port`,
		`PL_LOG_LEVEL: "loud" is none of debug, info, warn and error`,
		`PL_EMBEDDED_KAFKA_ADDR: ":70000" has no port between 0 and 65535`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("missing: %s\ngot:\n%v", want, err)
		}
	}
	if lines := strings.Count(err.Error(), "\n") + 1; lines != 11 {
		t.Errorf("%d lines, want one for each of 11 mistakes:\n%v", lines, err)
	}
}

func TestLoadConfigFileErrors(t *testing.T) {
	t.Parallel()
	for name, path := range map[string]string{
		"missing": filepath.Join(t.TempDir(), "none.yaml"),
		"nested":  writeFile(t, "http:\n  addr: x\n"),
	} {
		if _, err := LoadConfig([]string{"PL_CONFIG=" + path}); err == nil || !strings.Contains(err.Error(), "PL_CONFIG") {
			t.Errorf("%s: got %v, want an error that names PL_CONFIG", name, err)
		}
	}
}

func TestConfigSuitsTheProcess(t *testing.T) {
	t.Parallel()
	two := New("hub")
	for _, name := range []string{"quiz", "course"} {
		two.Add(Definition{Context: name, Migrations: fstest.MapFS{}, Methods: func(*connect.Server, *rpc.Core, *rpc.Directory) {}})
	}
	c, err := LoadConfig([]string{"PL_DATABASE_URL=postgres://x", "PL_DATABASE_URL_QUIS=postgres://y", "PL_REGISTRY_LOCK=staging.lock"})
	if err != nil {
		t.Fatal(err)
	}
	err = c.check(two, Engines{})
	for _, want := range []string{"PL_DATABASE_URL: this process has several contexts", "PL_DATABASE_URL_QUIS: this process has no such context, only quiz, course",
		"PL_KAFKA_BROKERS: needed", "PL_REGISTRY_URL: needed", "PL_REGISTRY_LOCK: the ids in a lock are those of one registry"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("missing: %s\ngot: %v", want, err)
		}
	}
}

func TestDescribeHidesPasswords(t *testing.T) {
	t.Parallel()
	c, err := LoadConfig([]string{
		"PL_DATABASE_URL_QUIZ=postgres://app:s3cret@db/quiz", "PL_DATABASE_URL=postgres://db/x?password=s3cret&user=app",
		"PL_REGISTRY_URL=https://key:s3cret@registry", "PL_DATA_DIR=/var/lib/pl",
		"PL_SMTP_ADDR=mail:587", "PL_SMTP_USER=app", "PL_SMTP_PASSWORD=s3cret",
	})
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := c.Describe(&out); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "s3cret") {
		t.Errorf("a password is shown:\n%s", out.String())
	}
	for _, want := range []string{"PL_HTTP_ADDR", "127.0.0.1:8080", "/var/lib/pl", "PL_DATABASE_URL_QUIZ", "db/quiz", "PL_CALLS_<CONTEXT>", "mail:587", "PL_MAIL_FROM"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%s is missing:\n%s", want, out.String())
		}
	}
}

func TestAppCheck(t *testing.T) {
	t.Parallel()
	app := New("hub")
	if err := app.check(); err == nil {
		t.Error("an app without contexts is accepted")
	}
	app.Add(Definition{Context: "quiz"})
	app.Add(Definition{Context: "quiz"})
	app.Add(Definition{})
	err := app.check()
	for _, want := range []string{"quiz needs methods", "quiz twice", "without a name"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("missing: %s\ngot: %v", want, err)
		}
	}
}

func TestLockDirNeedsADirectory(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := lockDir(file)
	var wrong *ConfigError
	if !errors.As(err, &wrong) || !strings.Contains(err.Error(), "PL_DATA_DIR: set it to a directory") {
		t.Errorf("got %v, want which setting to change", err)
	}
}

func TestLockDirNamesTheOwner(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	lock, err := lockDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	_, err = lockDir(dir)
	var wrong *ConfigError
	if !errors.As(err, &wrong) || !strings.Contains(err.Error(), "pid ") || !strings.Contains(err.Error(), "PL_DATA_DIR") {
		t.Errorf("got %v, want who has it and which setting to change", err)
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := lockDir(dir)
	if err != nil {
		t.Fatalf("after its release: %v", err)
	}
	again.Close()
}

func writeFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pl.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func databaseOf(c *Config, context string) string {
	url, _ := c.databaseURL(context)
	return url
}

func TestAdminAPIIsNotForEverybody(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]bool{
		"127.0.0.1:8082": true, "localhost:8082": true, "[::1]:8082": true, "off": true,
		":8082": false, "0.0.0.0:8082": false, "10.0.0.1:8082": false, "admin.example.org:8082": false,
	} {
		c, err := LoadConfig([]string{"PL_ADMIN_ADDR=" + addr})
		if err != nil {
			t.Fatal(err)
		}
		if got := c.checkAdmin() == nil; got != want {
			t.Errorf("%s without a token: allowed is %v, want %v", addr, got, want)
		}
		c.AdminToken = "a-long-random-text"
		if err := c.checkAdmin(); err != nil {
			t.Errorf("%s with a token: %v", addr, err)
		}
	}
	if _, err := LoadConfig([]string{"PL_ADMIN_TOKEN=short"}); err == nil || strings.Contains(err.Error(), "\"short\"") {
		t.Errorf("a short token: %v", err)
	}
	c, err := LoadConfig([]string{"PL_ADMIN_TOKEN=a-long-random-text", "PL_ADMIN_URL=http://elsewhere", "PL_ACTOR=ada"})
	if err != nil {
		t.Fatalf("what belongs to pl-gen is no setting of the process: %v", err)
	}
	var shown strings.Builder
	if err := c.Describe(&shown); err != nil || strings.Contains(shown.String(), "a-long-random-text") || !strings.Contains(shown.String(), "PL_ADMIN_TOKEN") {
		t.Errorf("the token is shown, or its setting is not: %v\n%s", err, shown.String())
	}
}
