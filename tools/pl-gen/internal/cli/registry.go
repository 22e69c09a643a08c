package cli

import (
	"context"
	"fmt"
	"net"
	"path/filepath"

	"github.com/spf13/cobra"
)

func (a *app) registry() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "registry",
		Short: "Run a Schema Registry",
		Args:  unknownCommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.registryServe())
	return cmd
}

func (a *app) registryServe() *cobra.Command {
	var addr, data string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve a Schema Registry with Confluent's REST API",
		Long: `serve runs the platform's own Schema Registry until SIGTERM or Ctrl-C. It speaks
Confluent's REST API for Avro, decides compatibility as Apache Avro for Java
does, and answers a change only when it is on disk: killing the process loses
nothing that was answered.

When it is ready it prints one line, "registry  http://HOST:PORT". Port 0 picks
a free port. It has no authentication, so it belongs on the loopback interface
or behind something that has.

The first call builds gen/cmd/hub, which holds the registry; the process then
becomes that hub, so signals reach it directly.`,
		Example: "  pl-gen registry serve --addr 127.0.0.1:8081 --data .pl/registry",
		Args:    arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkAddr(cmd.Context(), addr); err != nil {
				return err
			}
			dir, err := filepath.Abs(data)
			if err != nil {
				return fmt.Errorf("find --data: %w", err)
			}
			root, err := a.root()
			if err != nil {
				return err
			}
			binary, err := a.buildHub(cmd.Context(), root)
			if err != nil {
				return err
			}
			return become(binary, []string{"registry"}, hubEnviron("PL_EMBEDDED_REGISTRY_ADDR="+addr, "PL_DATA_DIR="+dir))
		},
	}
	cmd.Flags().StringVar(&addr, "addr", "127.0.0.1:8081", "where to listen, host:port")
	cmd.Flags().StringVar(&data, "data", ".pl", "directory of the registry's data; created when missing, used by one process at a time")
	return cmd
}

// checkAddr finds out that an address cannot be listened on before the hub is
// built, in words of this command's flags.
func checkAddr(ctx context.Context, addr string) error {
	if _, port, err := net.SplitHostPort(addr); err != nil || port == "" {
		return usageError{fmt.Errorf("--addr %q is not host:port, for example 127.0.0.1:8081", addr)}
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("serve the registry: %w; stop what listens on %s, or choose another address with --addr (port 0 picks a free one)", err, addr)
	}
	return l.Close()
}
