package avro

// RepeatedKeys returns a fault for every key that stands twice in one object
// of a schema text. Java's parser takes the last value in silence, and so does
// Parse. A text that is not JSON has none: Parse reports that.
func RepeatedKeys(file string, text []byte) Faults {
	root, err := scanJSON(text)
	if err != nil {
		return nil
	}
	p := newParser(newLines(file, text), nil)
	p.repeatedKeys(root)
	p.faults.sort()
	return p.faults
}

func (p *parser) repeatedKeys(n *node) {
	seen := make(map[string]bool, len(n.keys))
	for i, k := range n.keys {
		if seen[k.name] {
			at := &node{off: k.off, parent: n, atKey: k.name}
			p.fault(at, CodeDuplicateKey, "keep one of them; readers take the last", "the object has %q twice", k.name)
		}
		seen[k.name] = true
		p.repeatedKeys(n.elems[i])
	}
	if n.kind == arrayNode {
		for _, e := range n.elems {
			p.repeatedKeys(e)
		}
	}
}
