package event

import "fmt"

// Encode checks the event and returns the message that carries it: its headers
// and its value. data is nil when there is none. The binary mode leaves data
// as it is, the structured mode uses the JSON format. A batch has no single
// event: use EncodeJSONBatch. Errors match ErrInvalid.
func Encode(b Binding, m Mode, e *Envelope, data []byte) (headers []Header, value []byte, err error) {
	switch m {
	case ModeBinary:
		if err := e.Validate(); err != nil {
			return nil, nil, err
		}
		return b.append(nil, e), data, nil
	case ModeStructured:
		value, err := EncodeJSON(e, data)
		if err != nil {
			return nil, nil, err
		}
		return []Header{{b.contentTypeHeader(), []byte(ContentTypeStructured)}}, value, nil
	}
	return nil, nil, fmt.Errorf("%w: one event cannot be sent in batched mode", ErrInvalid)
}

// Parse reads a message of binding b as one event. See ParseKafka, ParseNATS
// and ParseHTTP.
func Parse(b Binding, headers []Header, value []byte) (e Envelope, data []byte, err error) {
	switch b {
	case NATS:
		return ParseNATS(headers, value)
	case HTTP:
		return ParseHTTP(headers, value)
	}
	return ParseKafka(headers, value)
}

func (b Binding) append(dst []Header, e *Envelope) []Header {
	switch b {
	case NATS:
		return AppendNATSHeaders(dst, e)
	case HTTP:
		return AppendHTTPHeaders(dst, e)
	}
	return AppendKafkaHeaders(dst, e)
}

func (b Binding) contentTypeHeader() string {
	if b == Kafka {
		return "content-type"
	}
	return "Content-Type"
}
