package compat

import "github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"

// The rules about changes that a schema registry lets through.
const (
	Decimal        diag.Rule = "COMPAT_DECIMAL"
	TimeUnit       diag.Rule = "COMPAT_TIME_UNIT"
	LogicalType    diag.Rule = "COMPAT_LOGICAL_TYPE"
	BytesString    diag.Rule = "COMPAT_BYTES_STRING"
	LossyPromotion diag.Rule = "COMPAT_LOSSY_PROMOTION"
	EnumDefault    diag.Rule = "COMPAT_ENUM_DEFAULT"
	AliasRemoved   diag.Rule = "COMPAT_ALIAS_REMOVED"
	Renamed        diag.Rule = "COMPAT_RENAMED"
	Key            diag.Rule = "COMPAT_KEY"
	PII            diag.Rule = "COMPAT_PII"
	Retention      diag.Rule = "COMPAT_RETENTION"
	Doc            diag.Rule = "COMPAT_DOC"
)

// Rules returns the catalogue of these rules. All of them can be waived with a
// reason, since none of them breaks every consumer; a missing doc breaks none.
func Rules() []diag.Info {
	return []diag.Info{
		{Rule: Decimal, Waivable: true, Title: "a decimal keeps its precision and scale"},
		{Rule: TimeUnit, Waivable: true, Title: "a time keeps its unit"},
		{Rule: LogicalType, Waivable: true, Title: "a value keeps its logical type"},
		{Rule: BytesString, Waivable: true, Title: "bytes stay bytes and strings stay strings"},
		{Rule: LossyPromotion, Waivable: true, Title: "a whole number does not become one that loses digits"},
		{Rule: EnumDefault, Waivable: true, Title: "an enum has a default before it gets another symbol"},
		{Rule: AliasRemoved, Waivable: true, Title: "an alias stays as long as data under the old name may be read"},
		{Rule: Renamed, Waivable: true, Title: "what is renamed keeps its old name as an alias"},
		{Rule: Key, Waivable: true, Title: "an event keeps its key"},
		{Rule: PII, Waivable: true, Title: "a field keeps its tag for personal data"},
		{Rule: Retention, Waivable: true, Title: "events are kept as long as before"},
		{Rule: Doc, Severity: diag.Warning, Waivable: true, Title: "what is new has a doc, and a doc is not lost"},
	}
}

func severity(rule diag.Rule) diag.Severity {
	for _, info := range Rules() {
		if info.Rule == rule {
			return info.Severity
		}
	}
	return diag.Error
}
