package event

import (
	"errors"
	"testing"
)

// TestRememberedAttributes parses events after one another that share
// attributes with the one before: what is known is not checked again, and
// nothing else passes with it.
func TestRememberedAttributes(t *testing.T) {
	valid := AppendKafkaHeaders(nil, sample())
	change := func(name string, values ...string) []Header {
		var headers []Header
		for _, h := range valid {
			if h.Key != name {
				headers = append(headers, h)
			}
		}
		for _, v := range values {
			headers = append(headers, Header{name, []byte(v)})
		}
		return headers
	}
	source, topic := sample().Source, sample().Type
	for name, test := range map[string]struct {
		headers []Header
		valid   bool
	}{
		"the same":             {valid, true},
		"another source":       {change("ce_source", "/pulselearn/quiz"), true},
		"a repeated source":    {change("ce_source", source, source), true},
		"two sources":          {change("ce_source", source, "/other"), false},
		"two sources, swapped": {change("ce_source", "/other", source), false},
		"a bad source":         {change("ce_source", "not a uri"), false},
		"no source":            {change("ce_source"), false},
		"an empty type":        {change("ce_type", ""), false},
		"a bad type":           {change("ce_type", topic+"\x00"), false},
		"a bad content type":   {change("content-type", "avro"), false},
		"a bad schema":         {change("ce_dataschema", "relative"), false},
	} {
		for range 3 {
			if e, _, err := ParseKafka(valid, nil); err != nil || e.Source != source || e.Type != topic {
				t.Fatalf("the event before: %+v, %v", e, err)
			}
			e, _, err := ParseKafka(test.headers, nil)
			if test.valid && err != nil || !test.valid && (!errors.Is(err, ErrInvalid) || e.ID != "") {
				t.Errorf("%s: %+v, %v", name, e, err)
			}
		}
	}
}
