package diag

import "slices"

// A Rule is the id of a check, as printed in findings and taken by
// "pl-gen explain".
type Rule string

// The rules about schema files and what is in them.
const (
	AvroSyntax      Rule = "AVRO_SYNTAX"
	AvroInvalid     Rule = "AVRO_INVALID"
	AvroUnknownType Rule = "AVRO_UNKNOWN_TYPE"
	AvroDefault     Rule = "AVRO_DEFAULT"
	AvroEndless     Rule = "AVRO_ENDLESS"
	AvroLogicalType Rule = "AVRO_LOGICAL_TYPE"
	EventPath       Rule = "EVENT_PATH"
	EventNamespace  Rule = "EVENT_NAMESPACE"
	EventName       Rule = "EVENT_NAME"
	EventRecord     Rule = "EVENT_RECORD"
	EventFold       Rule = "EVENT_FOLD"
	EventKeyField   Rule = "EVENT_KEY_FIELD"
	EventKeyType    Rule = "EVENT_KEY_TYPE"
	EventSubject    Rule = "EVENT_SUBJECT"
	EventRealtime   Rule = "EVENT_REALTIME"
	EventSetting    Rule = "EVENT_SETTING"
	EventOrphan     Rule = "EVENT_ORPHAN"
	PropertyUnknown Rule = "PROPERTY_UNKNOWN"
	PropertyAllow   Rule = "PROPERTY_ALLOW"
	PIIKind         Rule = "PII_KIND"
	GoName          Rule = "GO_NAME"
	DocMissing      Rule = "DOC_MISSING"
)

// The rules about protos: wiring, calls and entities.
const (
	ProtoSyntax        Rule = "PROTO_SYNTAX"
	ProtoPath          Rule = "PROTO_PATH"
	ContextName        Rule = "CONTEXT_NAME"
	ContextService     Rule = "CONTEXT_SERVICE"
	ContextOwner       Rule = "CONTEXT_OWNER"
	TopicName          Rule = "TOPIC_NAME"
	TopicSchema        Rule = "TOPIC_SCHEMA"
	TopicForeign       Rule = "TOPIC_FOREIGN"
	TopicTwoPublishers Rule = "TOPIC_TWO_PUBLISHERS"
	TopicUnpublished   Rule = "TOPIC_UNPUBLISHED"
	HandlerDuplicate   Rule = "HANDLER_DUPLICATE"
	HandlerName        Rule = "HANDLER_NAME"
	ConsumerTimeout    Rule = "CONSUMER_TIMEOUT"
	ConsumerHold       Rule = "CONSUMER_HOLD"
	RetryPolicy        Rule = "RETRY_POLICY"
	CallUnknown        Rule = "CALL_UNKNOWN"
	CallPolicy         Rule = "CALL_POLICY"
	SagaName           Rule = "SAGA_NAME"
	SagaKey            Rule = "SAGA_KEY"
	SagaStep           Rule = "SAGA_STEP"
	SagaCall           Rule = "SAGA_CALL"
	SagaTime           Rule = "SAGA_TIME"
	SagaUndo           Rule = "SAGA_UNDO"
	RPCStreaming       Rule = "RPC_STREAMING"
	HTTPBinding        Rule = "HTTP_BINDING"
	HTTPField          Rule = "HTTP_FIELD"
	HTTPCommand        Rule = "HTTP_COMMAND"
	HTTPRoute          Rule = "HTTP_ROUTE"
	ChannelFamily      Rule = "CHANNEL_FAMILY"
	ChannelCheck       Rule = "CHANNEL_CHECK"
	ChannelPresence    Rule = "CHANNEL_PRESENCE"
	HTTPPath           Rule = "HTTP_PATH"
	AccessMissing      Rule = "ACCESS_MISSING"
	AccessEmpty        Rule = "ACCESS_EMPTY"
	AccessRole         Rule = "ACCESS_ROLE"
	AccessField        Rule = "ACCESS_FIELD"
	AccessService      Rule = "ACCESS_SERVICE"
	FieldRule          Rule = "FIELD_RULE"
	EntityKey          Rule = "ENTITY_KEY"
	EntityIndex        Rule = "ENTITY_INDEX"
	EntityColumn       Rule = "ENTITY_COLUMN"
	EntityTable        Rule = "ENTITY_TABLE"
	FileClash          Rule = "FILE_CLASH"
	GenStale           Rule = "GEN_STALE"
	BufLint            Rule = "BUF_LINT"
)

// The rules about what people write under services/.
const (
	HandlerOrphan    Rule = "HANDLER_ORPHAN"
	MigrationMissing Rule = "MIGRATION_MISSING"
)

// The rules about migrations: about what a statement does to rows and to
// programs that run, and about the history that the files are.
const (
	MigrationDrop        Rule = "MIGRATION_DROP"
	MigrationRename      Rule = "MIGRATION_RENAME"
	MigrationType        Rule = "MIGRATION_TYPE"
	MigrationRequired    Rule = "MIGRATION_REQUIRED"
	MigrationUnique      Rule = "MIGRATION_UNIQUE"
	MigrationLock        Rule = "MIGRATION_LOCK"
	MigrationOpaque      Rule = "MIGRATION_OPAQUE"
	MigrationTransaction Rule = "MIGRATION_TRANSACTION"
	MigrationSyntax      Rule = "MIGRATION_SYNTAX"
	MigrationNumber      Rule = "MIGRATION_NUMBER"
	MigrationHistory     Rule = "MIGRATION_HISTORY"
	MigrationDialects    Rule = "MIGRATION_DIALECTS"
	MigrationAllow       Rule = "MIGRATION_ALLOW"
)

// MuseumMissing is the rule about the schema museum, contracts/museum.
const MuseumMissing Rule = "MUSEUM_MISSING"

// The rules about changes of what is published, which pl-gen compat checks.
// The first three and CompatMoved are about who can still read what; the
// others are about what a schema registry lets through.
const (
	CompatBackward       Rule = "COMPAT_BACKWARD"
	CompatForward        Rule = "COMPAT_FORWARD"
	CompatBeyondLevel    Rule = "COMPAT_BEYOND_LEVEL"
	CompatLevel          Rule = "COMPAT_LEVEL"
	CompatRemoved        Rule = "COMPAT_REMOVED"
	CompatMoved          Rule = "COMPAT_MOVED"
	CompatFieldRead      Rule = "COMPAT_FIELD_READ"
	CompatPartitions     Rule = "COMPAT_PARTITIONS"
	CompatDecimal        Rule = "COMPAT_DECIMAL"
	CompatTimeUnit       Rule = "COMPAT_TIME_UNIT"
	CompatLogicalType    Rule = "COMPAT_LOGICAL_TYPE"
	CompatBytesString    Rule = "COMPAT_BYTES_STRING"
	CompatLossyPromotion Rule = "COMPAT_LOSSY_PROMOTION"
	CompatEnumDefault    Rule = "COMPAT_ENUM_DEFAULT"
	CompatAliasRemoved   Rule = "COMPAT_ALIAS_REMOVED"
	CompatRenamed        Rule = "COMPAT_RENAMED"
	CompatKey            Rule = "COMPAT_KEY"
	CompatPII            Rule = "COMPAT_PII"
	CompatRetention      Rule = "COMPAT_RETENTION"
	CompatDoc            Rule = "COMPAT_DOC"
	BufBreaking          Rule = "BUF_BREAKING"
)

// An Info describes a rule.
type Info struct {
	Rule     Rule
	Severity Severity
	// Waivable tells whether "allow" in a schema may silence the rule.
	Waivable bool
	// Title says in one line what the rule asks for.
	Title string
}

var catalogue = []Info{
	{Rule: AvroSyntax, Title: "a schema file is one JSON document"},
	{Rule: AvroInvalid, Title: "a schema follows the Avro specification"},
	{Rule: AvroUnknownType, Title: "a type is a primitive, defined in the file, or shared in contracts/avro/common"},
	{Rule: AvroDefault, Title: "a default value fits its field's type"},
	{Rule: AvroEndless, Title: "a record can be written with finitely many bytes"},
	{Rule: AvroLogicalType, Severity: Warning, Waivable: true, Title: "a logical type is known and fits its type"},
	{Rule: EventPath, Title: "a schema lives in contracts/avro/<context>/v<N>/<event>.avsc"},
	{Rule: EventNamespace, Title: "a schema's namespace follows from its directory"},
	{Rule: EventName, Title: "a record's name follows from its file's name"},
	{Rule: EventRecord, Title: "an event is a record"},
	{Rule: EventFold, Title: "topics differ after dots and underscores are folded"},
	{Rule: EventKeyField, Title: "an event names its key, a field that exists"},
	{Rule: EventKeyType, Title: "a key is a required string, uuid, int, long or enum"},
	{Rule: EventSubject, Title: "a subject names a required field"},
	{Rule: EventRealtime, Title: "a realtime channel names required fields"},
	{Rule: EventSetting, Title: "retention, partitions and compatibility are what a broker accepts"},
	{Rule: EventOrphan, Severity: Warning, Waivable: true, Title: "every schema is published by a context"},
	{Rule: PropertyUnknown, Title: "the properties under pl are known"},
	{Rule: PropertyAllow, Title: "a waiver names a rule that can be waived, and a reason"},
	{Rule: PIIKind, Title: "a pii tag is one of the known kinds"},
	{Rule: GoName, Title: "names stay different and legal in Go"},
	{Rule: DocMissing, Severity: Warning, Waivable: true, Title: "everything in a contract has a doc"},
	{Rule: ProtoSyntax, Title: "a proto file compiles"},
	{Rule: ProtoPath, Title: "a proto's package and go_package follow from its directory"},
	{Rule: ContextName, Title: "a context's name is short, lower case and not reserved"},
	{Rule: ContextService, Title: "a context has exactly one annotated service"},
	{Rule: ContextOwner, Severity: Warning, Title: "a context names its owner"},
	{Rule: TopicName, Title: "a topic is pl.<context>.<event>.v<N>"},
	{Rule: TopicSchema, Title: "a published or consumed topic has a schema"},
	{Rule: TopicForeign, Title: "a context publishes only its own events"},
	{Rule: TopicTwoPublishers, Title: "an event has one publisher"},
	{Rule: TopicUnpublished, Title: "a consumed event is published by some context"},
	{Rule: HandlerDuplicate, Title: "a context's handlers and topics are named once"},
	{Rule: HandlerName, Title: "a handler's name is an exported Go identifier"},
	{Rule: ConsumerTimeout, Title: "a consumer's timeout is a Go duration"},
	{Rule: ConsumerHold, Title: "what a consumer does with failed deliveries fits its topic"},
	{Rule: RetryPolicy, Title: "a retry has attempts and delays that can be kept"},
	{Rule: CallUnknown, Title: "calls names other contexts that have a service"},
	{Rule: CallPolicy, Title: "a policy is for what the context calls, and its bounds can be kept"},
	{Rule: SagaName, Title: "a saga has a name and a state of its own"},
	{Rule: SagaKey, Title: "a saga and the events that it waits for name the field that identifies an instance"},
	{Rule: SagaStep, Title: "a step of a saga does one thing, and has a name of its own"},
	{Rule: SagaCall, Title: "a saga calls commands of contexts that it lists"},
	{Rule: SagaTime, Title: "a saga and its steps end in time"},
	{Rule: SagaUndo, Severity: Warning, Title: "a call is undone when a later step fails"},
	{Rule: RPCStreaming, Title: "calls are unary"},
	{Rule: HTTPBinding, Title: "a REST binding has one verb and a well-formed path"},
	{Rule: HTTPField, Title: "a REST path names scalar fields of the request"},
	{Rule: HTTPCommand, Title: "GET is for queries"},
	{Rule: HTTPRoute, Title: "a REST route belongs to one call"},
	{Rule: ChannelFamily, Title: "a realtime channel belongs to a family that one context declares"},
	{Rule: ChannelCheck, Title: "somebody may listen to a family of channels, and a query says who"},
	{Rule: ChannelPresence, Title: "who listens to a channel is shown to people who were let in, not to everybody"},
	{Rule: HTTPPath, Title: "a path of plain HTTP is well formed and belongs to one context"},
	{Rule: AccessMissing, Title: "every call says who may make it"},
	{Rule: AccessEmpty, Title: "what lets callers into a call can hold, and says something"},
	{Rule: AccessRole, Title: "a call lets in roles that people have"},
	{Rule: AccessField, Title: "what holds the caller's own id is one string of the request"},
	{Rule: AccessService, Title: "contexts are let into the calls that they declare, and into no others"},
	{Rule: FieldRule, Title: "validation rules fit the field's type"},
	{Rule: EntityKey, Title: "an entity has one primary key, a string"},
	{Rule: EntityIndex, Title: "an index names columns of its entity"},
	{Rule: EntityColumn, Title: "an entity's fields can be stored"},
	{Rule: EntityTable, Title: "a context's tables have different names"},
	{Rule: FileClash, Title: "no two parts of the contracts lead to the same file"},
	{Rule: GenStale, Title: "gen/ is what the contracts lead to"},
	{Rule: BufLint, Severity: Warning, Title: "protos pass buf lint"},
	{Rule: HandlerOrphan, Severity: Warning, Title: "every handler has a contract"},
	{Rule: MigrationMissing, Severity: Warning, Title: "the migrations lead to what the entities say"},
	{Rule: MigrationDrop, Title: "a migration drops no table and no column, and deletes no rows"},
	{Rule: MigrationRename, Title: "tables and columns keep their names"},
	{Rule: MigrationType, Title: "a column keeps its type, or gets one that every value fits"},
	{Rule: MigrationRequired, Title: "a column that becomes required has a value in every row"},
	{Rule: MigrationUnique, Title: "rows that exist cannot break a new unique index"},
	{Rule: MigrationLock, Title: "a migration keeps nobody waiting while it reads or rewrites a table"},
	{Rule: MigrationOpaque, Title: "a migration is written with statements that pl-gen understands"},
	{Rule: MigrationTransaction, Title: "a migration is one transaction"},
	{Rule: MigrationSyntax, Title: "a migration can be taken apart into statements"},
	{Rule: MigrationNumber, Title: "migrations are numbered 0001, 0002 and so on"},
	{Rule: MigrationHistory, Title: "a migration that others have is never changed"},
	{Rule: MigrationDialects, Title: "the migrations for both databases lead to the same tables"},
	{Rule: MigrationAllow, Title: "pl:allow names a rule that the statement breaks, and a reason"},
	{Rule: MuseumMissing, Severity: Warning, Title: "every version of an event is in the schema museum"},
	{Rule: CompatBackward, Title: "a schema reads what was written before"},
	{Rule: CompatForward, Title: "earlier schemas read what a new one writes"},
	{Rule: CompatBeyondLevel, Severity: Warning, Waivable: true, Title: "what the compatibility level lets through breaks no reader"},
	{Rule: CompatLevel, Waivable: true, Title: "an event keeps its compatibility level or gets a stricter one"},
	{Rule: CompatRemoved, Title: "an event stays as long as it is consumed"},
	{Rule: CompatMoved, Waivable: true, Title: "an event keeps its topic"},
	{Rule: CompatFieldRead, Waivable: true, Title: "a field stays as long as a consumer reads it"},
	{Rule: CompatPartitions, Waivable: true, Title: "a topic keeps its number of partitions"},
	{Rule: CompatDecimal, Waivable: true, Title: "a decimal keeps its precision and scale"},
	{Rule: CompatTimeUnit, Waivable: true, Title: "a time keeps its unit"},
	{Rule: CompatLogicalType, Waivable: true, Title: "a value keeps its logical type"},
	{Rule: CompatBytesString, Waivable: true, Title: "bytes stay bytes and strings stay strings"},
	{Rule: CompatLossyPromotion, Waivable: true, Title: "a whole number does not become one that loses digits"},
	{Rule: CompatEnumDefault, Waivable: true, Title: "an enum has a default before it gets another symbol"},
	{Rule: CompatAliasRemoved, Waivable: true, Title: "an alias stays as long as data under the old name may be read"},
	{Rule: CompatRenamed, Waivable: true, Title: "what is renamed keeps its old name as an alias"},
	{Rule: CompatKey, Waivable: true, Title: "an event keeps its key"},
	{Rule: CompatPII, Waivable: true, Title: "a field keeps its tag for personal data"},
	{Rule: CompatRetention, Waivable: true, Title: "events are kept as long as before"},
	{Rule: CompatDoc, Severity: Warning, Waivable: true, Title: "what is new has a doc, and a doc is not lost"},
	{Rule: BufBreaking, Title: "protos stay compatible with their clients (buf breaking)"},
}

// Rules returns the catalogue, in the order in which it is explained.
func Rules() []Info { return slices.Clone(catalogue) }

// Info returns what the catalogue says about the rule; an unknown rule is an
// error without a title.
func (r Rule) Info() Info {
	for _, info := range catalogue {
		if info.Rule == r {
			return info
		}
	}
	return Info{Rule: r}
}

// Known reports whether the catalogue has the rule.
func (r Rule) Known() bool { return r.Info().Title != "" }
