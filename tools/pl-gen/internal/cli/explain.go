package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/explain"
)

func (a *app) explain() *cobra.Command {
	return &cobra.Command{
		Use:     "explain [RULE]",
		Short:   "Explain a rule: what, why, a bad and a good example, the fix",
		Long:    "explain prints what a rule asks for, why, an example that breaks it with what\npl-gen says about it, one that is right, and how to fix it. Without a rule it\nlists all of them.",
		Example: "  pl-gen explain\n  pl-gen explain EVENT_KEY_FIELD",
		Args:    arguments(cobra.MaximumNArgs(1)),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return ruleNames(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				a.listRules()
				return nil
			}
			page, err := explain.Find(diag.Rule(args[0]))
			if err != nil {
				return usageError{fmt.Errorf("%w; %s", err, diag.Suggest(args[0], ruleNames()))}
			}
			_, err = a.stdout.Write(page.Text())
			return err
		},
	}
}

func ruleNames() []string {
	var names []string
	for _, info := range diag.Rules() {
		names = append(names, string(info.Rule))
	}
	return names
}

func (a *app) listRules() {
	for _, info := range diag.Rules() {
		fmt.Fprintf(a.stdout, "%-22s %-8s %s\n", info.Rule, info.Severity, info.Title)
	}
}
