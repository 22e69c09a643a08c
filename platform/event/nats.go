package event

const natsPrefix = "ce-"

// AppendNATSHeaders appends the context attributes of e as headers of the
// NATS binding in binary mode: ce- before every name, also datacontenttype,
// and percent-encoded values. The values must be treated as read-only. e must
// be valid.
func AppendNATSHeaders(dst []Header, e *Envelope) []Header {
	a := newAppender(natsPrefix, dst, e)
	if value := e.contentType(); value != "" {
		a.set(a.keys[keyDataContentType], value)
	}
	a.attributes(e)
	return a.headers
}

// ParseNATS reads a NATS message as an event, in binary mode or in structured
// mode with the JSON format. Names match in any case. A message without any
// header is structured, as it is on servers before NATS 2.2. Every error
// matches ErrInvalid.
func ParseNATS(headers []Header, value []byte) (e Envelope, data []byte, err error) {
	contentType := string(find(headers, "content-type"))
	if len(headers) == 0 || NATS.ModeOf(contentType) == ModeStructured {
		return parseStructured(contentType, value)
	}
	p := binaryParser{prefix: natsPrefix, fold: true, percent: true, assembler: assembler{env: &e}}
	if err := p.parse(headers); err != nil {
		return Envelope{}, nil, err
	}
	return e, value, nil
}

// AppendHTTPHeaders appends the context attributes of e as headers of the HTTP
// binding in binary mode: Content-Type, and ce- before every other name, with
// percent-encoded values. The values must be treated as read-only. e must be
// valid.
func AppendHTTPHeaders(dst []Header, e *Envelope) []Header {
	a := newAppender(natsPrefix, dst, e)
	a.contentType("Content-Type", e)
	a.attributes(e)
	return a.headers
}

// ParseHTTP reads an HTTP request or response as one event, in binary mode or
// in structured mode with the JSON format. A batch is refused: read it with
// DecodeJSONBatch. Every error matches ErrInvalid.
func ParseHTTP(headers []Header, body []byte) (e Envelope, data []byte, err error) {
	contentType := string(find(headers, "content-type"))
	if HTTP.ModeOf(contentType) != ModeBinary {
		return parseStructured(contentType, body)
	}
	p := binaryParser{prefix: natsPrefix, contentType: "content-type", fold: true, percent: true, assembler: assembler{env: &e}}
	if err := p.parse(headers); err != nil {
		return Envelope{}, nil, err
	}
	return e, body, nil
}
