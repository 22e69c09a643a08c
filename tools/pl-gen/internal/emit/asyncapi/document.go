package asyncapi

import "encoding/json"

// version is the AsyncAPI version of the documents, and kafkaBinding that of
// the Kafka bindings in them.
const (
	version      = "3.1.0"
	kafkaBinding = "0.5.0"
	// avroFormat is the newest version of Avro that AsyncAPI 3.1 names.
	avroFormat = "application/vnd.apache.avro;version=1.9.0"
)

// The types below are the objects of AsyncAPI 3.1 that are used, with their
// members in the order in which they are written. Maps are written sorted.

type document struct {
	AsyncAPI           string                `json:"asyncapi"`
	Info               info                  `json:"info"`
	Servers            map[string]*server    `json:"servers,omitempty"`
	DefaultContentType string                `json:"defaultContentType"`
	Channels           map[string]*channel   `json:"channels"`
	Operations         map[string]*operation `json:"operations"`
	Components         components            `json:"components"`
}

type info struct {
	Title       string   `json:"title"`
	Version     string   `json:"version"`
	Description string   `json:"description"`
	Contact     *contact `json:"contact,omitempty"`
	Generated   string   `json:"x-generated"`
}

type contact struct {
	Name string `json:"name"`
}

type channel struct {
	Address     string          `json:"address"`
	Title       string          `json:"title"`
	Description string          `json:"description,omitempty"`
	Servers     []ref           `json:"servers,omitempty"`
	Messages    map[string]ref  `json:"messages"`
	Bindings    channelBindings `json:"bindings"`
	Registry    string          `json:"x-registry-subject,omitempty"`
	Compat      string          `json:"x-compatibility,omitempty"`
	Realtime    string          `json:"x-realtime-channel,omitempty"`
}

type channelBindings struct {
	Kafka *channelKafka `json:"kafka,omitempty"`
	WS    *channelWS    `json:"ws,omitempty"`
}

type channelWS struct {
	Method  string `json:"method"`
	Headers schema `json:"headers"`
	Version string `json:"bindingVersion"`
}

type server struct {
	Host        string              `json:"host"`
	Protocol    string              `json:"protocol"`
	Description string              `json:"description"`
	Variables   map[string]variable `json:"variables"`
	Security    []ref               `json:"security,omitempty"`
}

type variable struct {
	Default     string `json:"default"`
	Description string `json:"description"`
}

type kafka[T any] struct {
	Kafka T `json:"kafka"`
}

type channelKafka struct {
	Partitions    int32       `json:"partitions"`
	Configuration topicConfig `json:"topicConfiguration"`
	Version       string      `json:"bindingVersion"`
}

type topicConfig struct {
	Cleanup   []string `json:"cleanup.policy"`
	Retention int64    `json:"retention.ms"`
}

type operation struct {
	Action      string                 `json:"action"`
	Channel     ref                    `json:"channel"`
	Title       string                 `json:"title"`
	Summary     string                 `json:"summary"`
	Messages    []ref                  `json:"messages"`
	Reply       *reply                 `json:"reply,omitempty"`
	Bindings    *kafka[operationKafka] `json:"bindings,omitempty"`
	Context     string                 `json:"x-context,omitempty"`
	Consumer    string                 `json:"x-consumer,omitempty"`
	DeadLetters string                 `json:"x-dead-letter-topic,omitempty"`
}

type reply struct {
	Channel  ref   `json:"channel"`
	Messages []ref `json:"messages"`
}

type operationKafka struct {
	Group   schema `json:"groupId"`
	Version string `json:"bindingVersion"`
}

type components struct {
	Schemas  map[string]schema   `json:"schemas"`
	Messages map[string]*message `json:"messages"`
	Security map[string]scheme   `json:"securitySchemes,omitempty"`
}

type scheme struct {
	Type   string `json:"type"`
	Scheme string `json:"scheme"`
	Format string `json:"bearerFormat"`
}

type message struct {
	Name        string               `json:"name"`
	Title       string               `json:"title"`
	Summary     string               `json:"summary,omitempty"`
	ContentType string               `json:"contentType"`
	Headers     *schema              `json:"headers,omitempty"`
	Payload     payload              `json:"payload"`
	Correlation *correlation         `json:"correlationId,omitempty"`
	Bindings    *kafka[messageKafka] `json:"bindings,omitempty"`
	Fingerprint string               `json:"x-schema-fingerprint,omitempty"`
	PII         map[string]string    `json:"x-pii,omitempty"`
}

type payload struct {
	Format string          `json:"schemaFormat"`
	Schema json.RawMessage `json:"schema"`
}

type correlation struct {
	Location string `json:"location"`
}

type messageKafka struct {
	Key        *schema `json:"key,omitempty"`
	IDLocation string  `json:"schemaIdLocation"`
	IDEncoding string  `json:"schemaIdPayloadEncoding"`
	Lookup     string  `json:"schemaLookupStrategy"`
	Version    string  `json:"bindingVersion"`
}

type ref struct {
	Ref string `json:"$ref"`
}

// A schema is a JSON Schema, as far as it is used here.
type schema struct {
	Ref         string            `json:"$ref,omitempty"`
	AllOf       []schema          `json:"allOf,omitempty"`
	OneOf       []schema          `json:"oneOf,omitempty"`
	Type        string            `json:"type,omitempty"`
	Description string            `json:"description,omitempty"`
	Format      string            `json:"format,omitempty"`
	Encoding    string            `json:"contentEncoding,omitempty"`
	Const       string            `json:"const,omitempty"`
	Enum        []string          `json:"enum,omitempty"`
	MaxLength   int               `json:"maxLength,omitempty"`
	Items       *schema           `json:"items,omitempty"`
	Values      *schema           `json:"additionalProperties,omitempty"`
	Properties  map[string]schema `json:"properties,omitempty"`
	Required    []string          `json:"required,omitempty"`
}
