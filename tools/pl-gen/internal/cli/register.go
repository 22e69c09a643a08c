package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/disk"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/register"
)

// A registration is one run of register.
type registration struct {
	url, env, format string
	dry              bool
}

func (a *app) register() *cobra.Command {
	var r registration
	cmd := &cobra.Command{
		Use:   "register",
		Short: "Register the events' schemas with a Schema Registry",
		Long: `register compares every event with what the registry has, and then registers
what is new and sets each subject's compatibility level to the contract's.

If one schema is incompatible with a version that the registry has, it lists
every violation, changes nothing, and exits 100. Running it again changes
nothing. Afterwards contracts/registry/<env>.lock says which id each schema has
there: commit it. Services started with PL_REGISTRY_LOCK=<that file> take their
ids from it and do not ask the registry; they never register.`,
		Example: "  pl-gen register --registry http://127.0.0.1:8081 --env local --dry-run\n  pl-gen register --registry https://user:secret@registry.example.org --env production",
		Args:    arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.registerAll(cmd.Context(), r)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&r.url, "registry", "", "the registry's URL (required)")
	flags.StringVar(&r.env, "env", "", "the environment that the registry belongs to; names the lock file (required)")
	flags.BoolVar(&r.dry, "dry-run", false, "plan, and change nothing")
	addDataFormat(cmd, &r.format)
	return cmd
}

func (a *app) registerAll(ctx context.Context, r registration) error {
	lockPath, err := r.check()
	if err != nil {
		return err
	}
	root, m, err := a.contracts()
	if err != nil {
		return err
	}
	registry, err := register.Open(r.url)
	if err != nil {
		return usageError{fmt.Errorf("--registry: %w", err)}
	}
	lockPath = filepath.Join(root, filepath.FromSlash(lockPath))
	lock, err := readLock(lockPath)
	if err != nil {
		return err
	}
	plan, err := register.MakePlan(ctx, registry, m.Events)
	if err != nil {
		return err
	}
	return a.carryOut(ctx, r, registry, plan, lockPath, lock)
}

// check returns the lock's path.
func (r registration) check() (string, error) {
	if r.url == "" || r.env == "" {
		return "", usageError{errors.New("--registry and --env are required")}
	}
	if err := checkDataFormat(r.format); err != nil {
		return "", err
	}
	path, err := register.LockPath(r.env)
	if err != nil {
		return "", usageError{fmt.Errorf("--env: %w", err)}
	}
	return path, nil
}

func (a *app) carryOut(ctx context.Context, r registration, registry *register.Registry, plan register.Plan, path string, lock register.Lock) error {
	if !r.dry && !plan.Refused() {
		now, err := plan.Apply(ctx, registry)
		if err != nil {
			return fmt.Errorf("%w; what was registered before stays, and the lock is as it was: register again", err)
		}
		if err := a.writeLock(path, lock.With(now)); err != nil {
			return err
		}
	}
	report := register.Report{Registry: registry.URL, Env: r.env, DryRun: r.dry, Plan: plan}
	if err := a.print(report, r.format); err != nil {
		return err
	}
	return refusedIf(plan.Refused())
}

func readLock(path string) (register.Lock, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the lock: %w", err)
	}
	lock, err := register.ParseLock(text)
	if err != nil {
		return nil, fmt.Errorf("read the lock: %s: %w", path, err)
	}
	return lock, nil
}

// writeLock writes the lock if it changes.
func (a *app) writeLock(path string, lock register.Lock) error {
	wrote, err := disk.Update(path, lock.Bytes())
	if err != nil {
		return fmt.Errorf("write the lock (the schemas are registered; register again): %w", err)
	}
	if !wrote {
		return nil
	}
	fmt.Fprintf(a.stderr, "wrote contracts/registry/%s; commit it\n", filepath.Base(path))
	return nil
}
