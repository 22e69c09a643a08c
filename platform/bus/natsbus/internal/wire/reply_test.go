package wire

import "testing"

func TestRepliesAreParsed(t *testing.T) {
	for reply, want := range map[string]Delivery{
		"$JS.ACK.s.c.1.20.3.1764000000000000000.5":               {20, 3, 1764000000000000000, -1},
		"$JS.ACK._.hash.s.c.1.20.3.1764000000000000000.5":        {20, 3, 1764000000000000000, -1},
		"$JS.ACK.dom.hash.s.c.1.20.3.1764000000000000000.5.rand": {20, 3, 1764000000000000000, -1},
		"$JS.RAW.s.c.1.20.3.4.5.190":                             {20, 3, 4, 190},
		"$JS.RAW._.hash.s.c.1.20.3.4.5.rand.0":                   {20, 3, 4, 0},
	} {
		if got, ok := ParseDelivery(reply); !ok || got != want {
			t.Errorf("%s: %+v (%t), want %+v", reply, got, ok, want)
		}
	}
	for _, reply := range []string{
		"", "_INBOX.a", "$JS.ACK.", "$JS.RAW.", "$JS.RAW.5", "$JS.ACK.s.c.1.2.3.4", "$JS.ACK.d.s.c.1.2.3.4.5",
		"$JS.ACK.s.c.1.x.3.4.5", "$JS.ACK.s.c.1.-2.3.4.5", "$JS.ACK.s.c.1.2.3.9999999999999999999.5", "$JS.RAW.s.c.1.2.3.4.5.x",
	} {
		if got, ok := ParseDelivery(reply); ok {
			t.Errorf("%q is read as %+v", reply, got)
		}
	}
}
