//go:build unix

package e2e

import (
	"fmt"
	"strings"
)

// services are the processes of a deployment with one context each.
var services = []string{"achievement", "course", "notification", "quiz", "userprofile"}

func contains(text, want string) error {
	if strings.Contains(text, want) {
		return nil
	}
	return fmt.Errorf("%q is missing in:\n%s", want, text)
}
