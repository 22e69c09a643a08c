//go:build !unix

package cli

import (
	"os"
	"os/exec"
)

// become runs a program in place of this process, and ends with it.
func become(binary string, args, env []string) error {
	cmd := exec.Command(binary, args...)
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = env, os.Stdin, os.Stdout, os.Stderr
	return cmd.Run()
}
