package compat

import "github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"

// The rules about changes that a schema registry lets through. All of them can
// be waived with a reason, since none of them breaks every consumer.
const (
	Decimal        = diag.CompatDecimal
	TimeUnit       = diag.CompatTimeUnit
	LogicalType    = diag.CompatLogicalType
	BytesString    = diag.CompatBytesString
	LossyPromotion = diag.CompatLossyPromotion
	EnumDefault    = diag.CompatEnumDefault
	AliasRemoved   = diag.CompatAliasRemoved
	Renamed        = diag.CompatRenamed
	Key            = diag.CompatKey
	PII            = diag.CompatPII
	Retention      = diag.CompatRetention
	Doc            = diag.CompatDoc
)
