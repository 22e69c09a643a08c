package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/catalog"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/catalog/history"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/generate"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/git"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/source"
)

// catalogDir is where catalog build writes unless told otherwise.
const catalogDir = ".pl/catalog"

func (a *app) catalog() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "catalog",
		Short: "The catalog of contexts, events and calls as a web site",
		Args:  unknownCommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.catalogBuild(), a.catalogServe())
	return cmd
}

func (a *app) catalogBuild() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "build",
		Short: "Write the catalog as a static site",
		Long: `build writes a site with a page for every context, event, shared record, entity
and call: fields, history, samples, and who publishes and consumes what. It needs
no server: open index.html. Into a directory with other files it writes nothing.`,
		Example: "  pl-gen catalog build\n  pl-gen catalog build --out public",
		Args:    arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			root, err := a.root()
			if err != nil {
				return err
			}
			if out == "" {
				out = filepath.Join(root, filepath.FromSlash(catalogDir))
			}
			return a.buildCatalog(cmd.Context(), root, out)
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "the directory to write to (default: "+catalogDir+" in the repository)")
	a.addFormat(cmd)
	return cmd
}

func (a *app) buildCatalog(ctx context.Context, root, out string) error {
	files, findings, err := catalogOf(ctx, root, a)
	if err != nil {
		return err
	}
	if diag.HasErrors(findings) {
		return a.verdict(findings)
	}
	if err := catalog.Write(out, files); err != nil {
		return err
	}
	fmt.Fprintf(a.stderr, "%s in %s\n", count(len(files), "file", "files"), out)
	return nil
}

// catalogOf builds the site; with findings that are errors there is none.
func catalogOf(ctx context.Context, root string, a *app) ([]catalog.File, []diag.Diagnostic, error) {
	m, findings, err := generate.New(root, a.stderr).Lint()
	if err != nil || diag.HasErrors(findings) {
		return nil, findings, err
	}
	past, err := history.Read(ctx, root, source.AvroRoot)
	if err != nil {
		if !errors.Is(err, history.ErrNoGit) {
			return nil, nil, err
		}
		fmt.Fprintf(a.stderr, "the catalog has no history: %v\n", err)
	}
	files, err := catalog.Build(m, past)
	return files, findings, err
}

func (a *app) catalogServe() *cobra.Command {
	var addr string
	cmd := &cobra.Command{
		Use:     "serve",
		Short:   "Serve the catalog, as the contracts are now",
		Long:    "serve builds the catalog in memory and serves it. A page that is loaded again\nshows what the contracts say by then.",
		Example: "  pl-gen catalog serve --addr 127.0.0.1:8090",
		Args:    arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			root, err := a.root()
			if err != nil {
				return err
			}
			return a.serveCatalog(cmd.Context(), root, addr)
		},
	}
	cmd.Flags().StringVar(&addr, "addr", "127.0.0.1:8090", "the address to listen on")
	return cmd
}

func (a *app) serveCatalog(ctx context.Context, root, addr string) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("serve the catalog: %w; choose another address with --addr", err)
	}
	live := &liveCatalog{app: a, root: root}
	server := &http.Server{
		Handler:           catalog.Handler(func() ([]catalog.File, error) { return live.files(ctx) }),
		ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute,
	}
	fmt.Fprintf(a.stderr, "the catalog is at http://%s/\n", listener.Addr())
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the catalog: %w", err)
	}
	return nil
}

// A liveCatalog builds the site again when the contracts changed.
type liveCatalog struct {
	app  *app
	root string

	mu    sync.Mutex
	stamp string
	site  []catalog.File
}

func (l *liveCatalog) files(ctx context.Context) ([]catalog.File, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	stamp, err := l.now(ctx)
	if err != nil {
		return nil, err
	}
	if l.site != nil && stamp == l.stamp {
		return l.site, nil
	}
	files, findings, err := catalogOf(ctx, l.root, l.app)
	if err != nil {
		return nil, err
	}
	if diag.HasErrors(findings) {
		return nil, fmt.Errorf("the contracts have errors, and \"pl-gen lint\" lists them; the first is %s: %s", findings[0].Pos, findings[0].Message)
	}
	l.site, l.stamp = files, stamp
	return files, nil
}

// now tells one state of the contracts and their history from another.
func (l *liveCatalog) now(ctx context.Context) (string, error) {
	var b strings.Builder
	head, _ := git.Repo{Root: l.root}.Commit(ctx, "HEAD") // without git there is no history that changes
	fmt.Fprintln(&b, head)
	err := filepath.WalkDir(filepath.Join(l.root, "contracts"), func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			fmt.Fprintf(&b, "%s %d %d\n", name, info.Size(), info.ModTime().UnixNano())
		}
		return err
	})
	if err != nil {
		return "", fmt.Errorf("look at the contracts: %w", err)
	}
	return b.String(), nil
}
