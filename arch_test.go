package campushub

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/pulselearn/campus-hub"

// A rule says what the packages under one directory may import of this module
// and of the packages that the rule names. Test files are not bound by rules:
// they may use real engines.
type rule struct {
	name string
	// applies tells whether the rule binds the package at dir.
	applies func(dir string) bool
	// allows tells whether such a package may import target, a directory of
	// this module or the path of another module's package.
	allows func(dir, target string) bool
}

var rules = []rule{
	{
		name:    "only gen/cmd imports services, and only its own process composes them",
		applies: not(under("gen/cmd", "services")),
		allows:  func(_, target string) bool { return !in(target, "services") },
	},
	{
		name:    "only gen/cmd imports engines and bus drivers; tests reach them through platformtest",
		applies: not(under("gen/cmd", "platform/platformtest", "platform/database", "platform/tx", "platform/bus", "platform/embedded", "platform/internal", "internal/pgtest", "e2e", "bench")),
		allows: func(_, target string) bool {
			return !in(target, "platform/database/sqlite", "platform/database/postgres", "platform/bus/kafkabus", "platform/bus/natsbus", "platform/embedded",
				"modernc.org/sqlite", "github.com/jackc/pgx/v5", "github.com/twmb/franz-go/pkg/kgo", "github.com/twmb/franz-go/pkg/kfake",
				"github.com/nats-io/nats.go", "github.com/nats-io/nats-server/v2")
		},
	},
	{
		name:    "a service imports events, protos, its own generated packages and the platform, never another service",
		applies: under("services"),
		allows: func(dir, target string) bool {
			if !inModule(target) {
				return true
			}
			context := strings.Split(dir, "/")[1]
			return in(target, "gen/event", "gen/proto", "gen/ent/"+context, "gen/service/"+context, "services/"+context, "platform")
		},
	},
	{
		name:    "services/web is a page, not a context: it stands on the standard library",
		applies: under("services/web"),
		allows:  func(_, target string) bool { return isStandard(target) },
	},
	{
		name:    "the platform knows nothing of what is generated or written on top of it",
		applies: under("platform"),
		allows:  func(_, target string) bool { return !in(target, "gen", "services", "tools", "e2e", "bench") },
	},
	{
		name:    "platform/avro and platform/event stand on the standard library",
		applies: under("platform/avro", "platform/event"),
		allows: func(_, target string) bool {
			return isStandard(target) || in(target, "platform/avro", "platform/event", "github.com/google/uuid")
		},
	},
	{
		name:    "platform/admin, which pl-gen shares with every process, stands on the standard library",
		applies: exactly("platform/admin"),
		allows:  func(_, target string) bool { return isStandard(target) },
	},
	{
		name:    "platform/bus knows no broker, no database and no telemetry",
		applies: exactly("platform/bus", "platform/bus/driver"),
		allows: func(_, target string) bool {
			return isStandard(target) || in(target, "platform/bus/driver", "platform/event")
		},
	},
	{
		name:    "platform/database knows no SQL driver and nothing of events",
		applies: exactly("platform/database"),
		allows:  func(_, target string) bool { return isStandard(target) },
	},
	{
		name:    "platform/outbox knows no broker, no SQL driver and no telemetry",
		applies: exactly("platform/outbox"),
		allows: func(_, target string) bool {
			return isStandard(target) || in(target, "platform/database", "platform/bus", "platform/event")
		},
	},
	{
		name:    "platform/hold knows no broker, no SQL driver and no telemetry",
		applies: exactly("platform/hold"),
		allows: func(_, target string) bool {
			return isStandard(target) || in(target, "platform/database", "platform/bus", "platform/event")
		},
	},
	{
		name:    "platform/saga knows no broker, no SQL driver, no telemetry, and of Connect the codes alone",
		applies: exactly("platform/saga"),
		allows: func(_, target string) bool {
			return isStandard(target) || in(target, "platform/tx", "platform/database", "platform/bus", "platform/event", "github.com/google/uuid", "google.golang.org/protobuf") ||
				target == "connectrpc.com/connect/v2"
		},
	},
	{
		name:    "platform/tx knows no broker, no ORM, no SQL driver and no telemetry",
		applies: exactly("platform/tx"),
		allows: func(_, target string) bool {
			return isStandard(target) || in(target, "platform/tx", "platform/hold", "platform/outbox", "platform/database", "platform/bus", "platform/event", "github.com/google/uuid")
		},
	},
	{
		name:    "the framing of websockets knows nothing of the platform",
		applies: exactly("platform/realtime/frame"),
		allows:  func(_, target string) bool { return isStandard(target) || in(target, "github.com/gobwas/ws") },
	},
	{
		name:    "the sockets of websockets know nothing of what they carry",
		applies: exactly("platform/realtime/socket"),
		allows:  func(_, target string) bool { return isStandard(target) || in(target, "golang.org/x/sys/unix") },
	},
	{
		name:    "the feed of websockets knows no broker, no telemetry and no websockets",
		applies: exactly("platform/realtime/feed"),
		allows: func(_, target string) bool {
			return isStandard(target) || in(target, "platform/bus/driver", "platform/event", "platform/avro") || target == "platform/bus"
		},
	},
	{
		name:    "presence knows no broker, no telemetry and no websockets",
		applies: exactly("platform/realtime/presence"),
		allows:  func(_, target string) bool { return isStandard(target) || in(target, "platform/bus/driver") },
	},
	{
		name:    "realtime reaches calls, tokens and events through what it is given",
		applies: exactly("platform/realtime"),
		allows: func(_, target string) bool {
			return isStandard(target) || in(target, "platform/realtime", "platform/identity", "platform/bus/driver", "github.com/gobwas/ws", "google.golang.org/protobuf") ||
				target == "connectrpc.com/connect/v2"
		},
	},
	{
		name:    "pl-gen reads contracts and asks processes: of the platform it imports platform/avro and the words of platform/admin alone, and nothing of gen",
		applies: under("tools/pl-gen"),
		allows: func(_, target string) bool {
			return !inModule(target) || in(target, "tools/pl-gen", "platform/avro", "internal/token") || target == "platform/admin"
		},
	},
	{
		name:    "event packages stand on the platform's event and avro packages",
		applies: under("gen/event"),
		allows: func(_, target string) bool {
			return isStandard(target) || in(target, "gen/event", "platform/event", "platform/avro")
		},
	},
	{
		name:    "the front door knows no broker, no database and no telemetry: it makes calls",
		applies: under("platform/gateway"),
		allows: func(_, target string) bool {
			return isStandard(target) || in(target, "platform/gateway", "platform/rpc", "platform/identity", "connectrpc.com/connect/v2",
				"google.golang.org/protobuf", "google.golang.org/genproto/googleapis/rpc", "golang.org/x/sync",
				"github.com/99designs/gqlgen", "github.com/vektah/gqlparser/v2", "github.com/coder/websocket") || target == "platform/realtime"
		},
	},
	{
		name:    "platform/gateway/graphql alone knows GraphQL's libraries",
		applies: not(under("platform/gateway/graphql", "bench")),
		allows: func(_, target string) bool {
			return !in(target, "github.com/99designs/gqlgen", "github.com/vektah/gqlparser/v2")
		},
	},
	{
		name:    "tables of the front door stand on protos and the platform",
		applies: under("gen/gateway", "gen/graphql", "gen/openapi"),
		allows: func(_, target string) bool {
			return !inModule(target) || in(target, "gen/gateway", "gen/graphql", "gen/openapi", "gen/proto", "gen/event", "platform")
		},
	},
	{
		name:    "bytes from the wire never reach hamba/avro",
		applies: not(under("bench")),
		allows:  func(_, target string) bool { return !in(target, "github.com/hamba/avro/v2") },
	},
}

func TestImportDirection(t *testing.T) {
	found := 0
	for dir, imports := range importsOf(t, ".") {
		found++
		for _, broken := range violations(dir, imports) {
			t.Error(broken)
		}
	}
	if found < 20 {
		t.Fatalf("only %d packages were found; the walk is broken", found)
	}
}

// TestImportRulesCanFail proves that every rule refuses what it is there for.
func TestImportRulesCanFail(t *testing.T) {
	forbidden := []struct{ dir, target string }{
		{"platform/service", "services/quiz"},
		{"services/quiz", "services/course"},
		{"services/quiz", "gen/ent/course"},
		{"services/quiz", "platform/bus/kafkabus"},
		{"services/web", "platform/service"},
		{"gen/service/quiz", "platform/database/sqlite"},
		{"platform/rpc", "gen/proto/pl/quiz/v1"},
		{"platform/avro", "gopkg.in/yaml.v3"},
		{"platform/bus", "go.opentelemetry.io/otel"},
		{"platform/hold", "github.com/jackc/pgx/v5"},
		{"platform/tx", "entgo.io/ent/dialect"},
		{"platform/database", "platform/event"},
		{"platform/outbox", "github.com/jackc/pgx/v5"},
		{"platform/saga", "connectrpc.com/connect/v2/connecthttp"},
		{"platform/saga", "platform/rpc"},
		{"platform/realtime", "platform/gateway"},
		{"platform/realtime", "go.opentelemetry.io/otel"},
		{"platform/realtime/feed", "platform/bus/kafkabus"},
		{"platform/realtime/presence", "platform/bus/kafkabus"},
		{"platform/realtime/socket", "github.com/gobwas/ws"},
		{"platform/realtime/frame", "platform/event"},
		{"platform/saga", "platform/database/sqlite"},
		{"tools/pl-gen/internal/lint", "platform/event"},
		{"tools/pl-gen/internal/lint", "gen/proto/pl/options/v1"},
		{"tools/pl-gen/internal/operate", "platform/admin/adminserver"},
		{"platform/admin", "platform/database"},
		{"gen/event/quiz/v1", "platform/bus"},
		{"platform/gateway/rest", "platform/tx"},
		{"platform/gateway/door", "go.opentelemetry.io/otel"},
		{"platform/gateway/rest", "github.com/vektah/gqlparser/v2/ast"},
		{"platform/service", "github.com/99designs/gqlgen/graphql"},
		{"gen/gateway/quiz", "gen/service/quiz"},
		{"platform/schema", "github.com/hamba/avro/v2"},
	}
	for _, f := range forbidden {
		if len(violations(f.dir, []string{f.target})) == 0 {
			t.Errorf("%s may import %s: no rule refuses it", f.dir, f.target)
		}
	}
	allowed := []struct{ dir, target string }{
		{"gen/cmd/hub", "services/quiz"},
		{"gen/cmd/internal/engines", "platform/database/sqlite"},
		{"services/quiz", "gen/event/course/v1"},
		{"services/quiz", "gen/ent/quiz/predicate"},
		{"platform/database/postgres", "github.com/jackc/pgx/v5/stdlib"},
	}
	for _, a := range allowed {
		if broken := violations(a.dir, []string{a.target}); len(broken) > 0 {
			t.Error(broken)
		}
	}
}

// TestGeneratedFilesSaySo checks that tools recognise every Go file under gen
// as generated, and that the marker has not become the package's doc.
func TestGeneratedFilesSaySo(t *testing.T) {
	seen := 0
	walkGo(t, "gen", func(file string, syntax *ast.File) {
		seen++
		if !ast.IsGenerated(syntax) {
			t.Errorf("%s does not carry the marker of generated code", file)
		}
		if strings.Contains(syntax.Doc.Text(), "DO NOT EDIT") {
			t.Errorf("%s: the marker is the package's doc; a blank line is missing after it", file)
		}
	})
	if seen == 0 {
		t.Fatal("no generated file was found")
	}
}

func violations(dir string, imports []string) []string {
	var broken []string
	for _, r := range rules {
		if !r.applies(dir) {
			continue
		}
		for _, target := range imports {
			if !r.allows(dir, target) {
				broken = append(broken, fmt.Sprintf("%s imports %s: %s", dir, target, r.name))
			}
		}
	}
	return broken
}

// importsOf maps each package's directory to what its non-test files import:
// directories for this module's packages, import paths for others.
func importsOf(t *testing.T, root string) map[string][]string {
	t.Helper()
	sets := map[string]map[string]bool{}
	walkGo(t, root, func(file string, syntax *ast.File) {
		if strings.HasSuffix(file, "_test.go") {
			return
		}
		dir := path.Dir(file)
		if sets[dir] == nil {
			sets[dir] = map[string]bool{}
		}
		for _, spec := range syntax.Imports {
			sets[dir][strings.TrimPrefix(strings.Trim(spec.Path.Value, `"`), module+"/")] = true
		}
	})
	imports := map[string][]string{}
	for dir, set := range sets {
		imports[dir] = slices.Sorted(maps.Keys(set))
	}
	return imports
}

func walkGo(t *testing.T, root string, visit func(file string, syntax *ast.File)) {
	t.Helper()
	files := token.NewFileSet()
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || d.Name() == "node_modules" || strings.HasPrefix(d.Name(), ".") && file != ".") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(file, ".go") {
			return nil
		}
		syntax, err := parser.ParseFile(files, file, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		visit(filepath.ToSlash(file), syntax)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func under(dirs ...string) func(string) bool {
	return func(dir string) bool { return in(dir, dirs...) }
}

func exactly(dirs ...string) func(string) bool {
	return func(dir string) bool { return slices.Contains(dirs, dir) }
}

func not(f func(string) bool) func(string) bool {
	return func(dir string) bool { return !f(dir) }
}

// in tells whether target is one of the directories or below one.
func in(target string, dirs ...string) bool {
	return slices.ContainsFunc(dirs, func(dir string) bool {
		return target == dir || strings.HasPrefix(target, dir+"/")
	})
}

func inModule(target string) bool {
	first, _, _ := strings.Cut(target, "/")
	return slices.Contains([]string{"bench", "e2e", "gen", "platform", "services", "tools"}, first)
}

func isStandard(target string) bool {
	first, _, _ := strings.Cut(target, "/")
	return !inModule(target) && !strings.Contains(first, ".")
}
