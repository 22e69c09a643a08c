package openapi

import "encoding/json"

// The types below are the objects of OpenAPI 3.1 that are used, with their
// members in the order in which they are written. Maps are written sorted.

type document struct {
	OpenAPI    string               `json:"openapi"`
	Info       info                 `json:"info"`
	Servers    []server             `json:"servers"`
	Security   []security           `json:"security"`
	Tags       []tag                `json:"tags"`
	Paths      map[string]*pathItem `json:"paths"`
	Components components           `json:"components"`
}

type info struct {
	Title       string  `json:"title"`
	Version     string  `json:"version"`
	Description string  `json:"description"`
	Contact     contact `json:"contact"`
	Generated   string  `json:"x-generated"`
}

type contact struct {
	Name string `json:"name"`
}

type server struct {
	URL string `json:"url"`
}

type tag struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
}

type pathItem struct {
	Get    *operation `json:"get,omitempty"`
	Put    *operation `json:"put,omitempty"`
	Post   *operation `json:"post,omitempty"`
	Delete *operation `json:"delete,omitempty"`
	Patch  *operation `json:"patch,omitempty"`
}

// security names a scheme and the scopes that it needs.
type security map[string][]string

type operation struct {
	ID          string              `json:"operationId"`
	Tags        []string            `json:"tags"`
	Summary     string              `json:"summary,omitempty"`
	Description string              `json:"description,omitempty"`
	Parameters  []parameter         `json:"parameters,omitempty"`
	Body        *body               `json:"requestBody,omitempty"`
	Responses   map[string]response `json:"responses"`
	// Security is empty, and there, for a call that everybody may make.
	Security *[]security `json:"security,omitempty"`
	// Query is true for a call without side effects.
	Query bool `json:"x-query"`
}

type parameter struct {
	Ref         string           `json:"$ref,omitempty"`
	Name        string           `json:"name,omitempty"`
	In          string           `json:"in,omitempty"`
	Description string           `json:"description,omitempty"`
	Required    bool             `json:"required,omitempty"`
	Schema      *schema          `json:"schema,omitempty"`
	Content     map[string]media `json:"content,omitempty"`
}

// A header is a parameter whose name stands outside of it.
type header struct {
	Ref         string  `json:"$ref,omitempty"`
	Description string  `json:"description,omitempty"`
	Schema      *schema `json:"schema,omitempty"`
}

type body struct {
	Required bool             `json:"required"`
	Content  map[string]media `json:"content"`
}

type media struct {
	Schema *schema `json:"schema"`
}

type response struct {
	Ref         string            `json:"$ref,omitempty"`
	Description string            `json:"description,omitempty"`
	Headers     map[string]header `json:"headers,omitempty"`
	Content     map[string]media  `json:"content,omitempty"`
}

type components struct {
	Security   map[string]scheme    `json:"securitySchemes"`
	Schemas    map[string]*schema   `json:"schemas"`
	Parameters map[string]parameter `json:"parameters"`
	Headers    map[string]header    `json:"headers"`
	Responses  map[string]response  `json:"responses"`
}

// A scheme is a way to say who calls.
type scheme struct {
	Type        string `json:"type"`
	Scheme      string `json:"scheme"`
	Format      string `json:"bearerFormat"`
	Description string `json:"description"`
}

// A schema is a JSON Schema (2020-12), as far as it is used here.
type schema struct {
	Ref              string             `json:"$ref,omitempty"`
	Title            string             `json:"title,omitempty"`
	Description      string             `json:"description,omitempty"`
	Type             string             `json:"type,omitempty"`
	Format           string             `json:"format,omitempty"`
	Encoding         string             `json:"contentEncoding,omitempty"`
	Pattern          string             `json:"pattern,omitempty"`
	Const            string             `json:"const,omitempty"`
	Enum             []string           `json:"enum,omitempty"`
	Not              *schema            `json:"not,omitempty"`
	AllOf            []*schema          `json:"allOf,omitempty"`
	Minimum          json.Number        `json:"minimum,omitempty"`
	Maximum          json.Number        `json:"maximum,omitempty"`
	MinLength        uint32             `json:"minLength,omitempty"`
	MaxLength        uint32             `json:"maxLength,omitempty"`
	MinItems         uint32             `json:"minItems,omitempty"`
	MaxItems         uint32             `json:"maxItems,omitempty"`
	MinProperties    uint32             `json:"minProperties,omitempty"`
	MaxProperties    uint32             `json:"maxProperties,omitempty"`
	Items            *schema            `json:"items,omitempty"`
	Properties       map[string]*schema `json:"properties,omitempty"`
	PropertyNames    *schema            `json:"propertyNames,omitempty"`
	AdditionalValues *schema            `json:"additionalProperties,omitempty"`
	Required         []string           `json:"required,omitempty"`
	PII              string             `json:"x-pii,omitempty"`
	EnumDocs         map[string]string  `json:"x-enum-descriptions,omitempty"`
}
