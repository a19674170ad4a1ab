package strict

import (
	"fmt"
	"strconv"
	"strings"

	yamlnode "go.yaml.in/yaml/v3"
)

// position is a place in a document's syntax tree.
type position struct {
	node   *yamlnode.Node
	key    *yamlnode.Node // the key under which node stands, nil at the top and in lists
	offset int            // lines of the file before the document
}

// line is where the key stands, or the value where there is no key, counted
// from the start of the file.
func (p position) line() int {
	n := p.key
	if n == nil {
		n = p.node
	}
	if n.Kind == yamlnode.DocumentNode && len(n.Content) > 0 {
		n = n.Content[0]
	}
	return n.Line + p.offset
}

// value is the node behind the document node or the alias, if p is at one.
func (p position) value() *yamlnode.Node {
	n := p.node
	for {
		switch {
		case n.Kind == yamlnode.DocumentNode && len(n.Content) > 0:
			n = n.Content[0]
		case n.Kind == yamlnode.AliasNode:
			n = n.Alias
		default:
			return n
		}
	}
}

// keys are the keys of a mapping in the order of the file.
func (p position) keys() []string {
	var keys []string
	if n := p.value(); n.Kind == yamlnode.MappingNode {
		for i := 0; i < len(n.Content); i += 2 {
			keys = append(keys, n.Content[i].Value)
		}
	}
	return keys
}

// child is the value of a mapping's key, or p itself where there is none: the
// place to look at when a field is missing.
func (p position) child(key string) position {
	if c, ok := p.find(key); ok {
		return c
	}
	return p
}

func (p position) find(key string) (position, bool) {
	n := p.value()
	if n.Kind != yamlnode.MappingNode {
		return position{}, false
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return position{n.Content[i+1], n.Content[i], p.offset}, true
		}
	}
	for i := 0; i+1 < len(n.Content); i += 2 { // merged mappings come after a mapping's own keys
		if n.Content[i].Tag != "!!merge" {
			continue
		}
		merged := position{node: n.Content[i+1], offset: p.offset}
		if c, ok := merged.find(key); ok {
			return c, true
		}
		for j := range merged.items() {
			if c, ok := merged.index(j).find(key); ok {
				return c, true
			}
		}
	}
	return position{}, false
}

func (p position) items() []*yamlnode.Node {
	if n := p.value(); n.Kind == yamlnode.SequenceNode {
		return n.Content
	}
	return nil
}

// index is an item of a list, or p itself where there is none.
func (p position) index(i int) position {
	if items := p.items(); i >= 0 && i < len(items) {
		return position{node: items[i], offset: p.offset}
	}
	return p
}

// lineOf is the line of a field below p, given as the API server writes paths:
// spec.taints[0].key, spec.labels.example.com/team, spec.labels[example.com/team].
// For a field that is not there it is the line of what should hold it.
func (p position) lineOf(path string) int {
	for path != "" {
		next, rest, ok := p.step(path)
		if !ok {
			break
		}
		p, path = next, rest
	}
	return p.line()
}

// step takes the first part off a path. Keys may contain dots and brackets, so
// of a mapping's keys that start the path the longest one is meant.
func (p position) step(path string) (next position, rest string, ok bool) {
	if items := p.items(); items != nil {
		text, rest, ok := strings.Cut(strings.TrimLeft(path, ".["), "]")
		if !ok {
			text, rest, _ = strings.Cut(text, ".")
		}
		i, err := strconv.Atoi(text)
		if err != nil || i < 0 || i >= len(items) {
			return p, "", false
		}
		return p.index(i), rest, true
	}
	path = strings.TrimPrefix(path, ".")
	best := ""
	for end := 1; end <= len(path); end++ {
		if end < len(path) && path[end] != '.' && path[end] != '[' {
			continue
		}
		if c, found := p.find(path[:end]); found {
			next, best, rest, ok = c, path[:end], path[end:], true
		}
	}
	if inner, found := strings.CutPrefix(path, "["); found && best == "" {
		if key, after, closed := strings.Cut(inner, "]"); closed {
			next, ok = p.find(key)
			rest = after
		}
	}
	return next, rest, ok
}

// repeated is a key that a mapping has twice.
type repeated struct {
	path        string
	line, first int
}

// repeatedFields lists the keys that stand twice in one mapping, anywhere at or
// below p, in the order of the file. Aliases are not followed: what they stand
// for is listed where it stands.
func (p position) repeatedFields() []repeated {
	var found []repeated
	var walk func(n *yamlnode.Node, path string)
	walk = func(n *yamlnode.Node, path string) {
		switch n.Kind {
		case yamlnode.DocumentNode:
			for _, c := range n.Content {
				walk(c, path)
			}
		case yamlnode.SequenceNode:
			for i, c := range n.Content {
				walk(c, fmt.Sprintf("%s[%d]", path, i))
			}
		case yamlnode.MappingNode:
			first := map[string]int{}
			for i := 0; i+1 < len(n.Content); i += 2 {
				key := n.Content[i]
				below := key.Value
				if path != "" {
					below = path + "." + key.Value
				}
				if line, ok := first[key.Value]; ok {
					found = append(found, repeated{below, key.Line + p.offset, line + p.offset})
				} else {
					first[key.Value] = key.Line
				}
				walk(n.Content[i+1], below)
			}
		}
	}
	walk(p.node, "")
	return found
}
