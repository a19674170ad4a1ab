package machine

import (
	"context"
	"regexp"
	"strings"

	"mvdan.cc/sh/v3/interp"
)

// sed knows substitutions, s/old/new/ with the flag g, before it a pattern that
// a line must match, and -i, -e, -r and -E. It refuses everything else: an edit
// that is left out could be the one that matters.
func sed(_ context.Context, g *guest, shell *interp.HandlerContext, args []string) error {
	var edits, names []string
	inPlace, extended := false, false
	for i := 0; i < len(args); i++ {
		switch a := args[i]; {
		case a == "-i" || strings.HasPrefix(a, "-i."):
			inPlace = true
		case a == "-r" || a == "-E":
			extended = true
		case a == "-e" && i+1 < len(args):
			i++
			edits = append(edits, args[i])
		case strings.HasPrefix(a, "-"):
			return errUnknown{"sed: unknown option " + printable(a)}
		default:
			names = append(names, a)
		}
	}
	if len(edits) == 0 && len(names) > 0 { // the first word is the edit, where no -e is
		edits, names = names[:1], names[1:]
	}
	var parsed []edit
	for _, text := range edits {
		e, ok := parseEdit(text, extended)
		if !ok {
			return errUnknown{"sed: only s/old/new/ is known here"}
		}
		parsed = append(parsed, e)
	}
	if len(names) == 0 {
		var in strings.Builder
		if err := pass(&in, shell.Stdin); err != nil {
			return err
		}
		_, err := shell.Stdout.Write([]byte(apply(parsed, in.String())))
		return err
	}
	for _, name := range names {
		content, err := g.disk.read(absolute(shell, name))
		if err != nil {
			return failed(2)
		}
		edited := apply(parsed, string(content))
		if inPlace {
			g.disk.put(file{path: absolute(shell, name), content: []byte(edited), mode: 0o644})
		} else if _, err := shell.Stdout.Write([]byte(edited)); err != nil {
			return failed(1)
		}
	}
	return nil
}

// edit is one substitution.
type edit struct {
	where, old *regexp.Regexp
	new        string
	all        bool
}

func parseEdit(text string, extended bool) (edit, bool) {
	var e edit
	if rest, addressed := strings.CutPrefix(text, "/"); addressed {
		pattern, command, found := strings.Cut(rest, "/")
		where, err := regexp.Compile(translate(pattern, extended))
		if !found || err != nil {
			return e, false
		}
		e.where, text = where, strings.TrimSpace(command)
	}
	if len(text) < 4 || text[0] != 's' || strings.ContainsAny(text[1:2], "\\\n") {
		return e, false
	}
	parts := split(text[2:], text[1])
	if len(parts) != 3 || strings.Trim(parts[2], "g") != "" {
		return e, false
	}
	old, err := regexp.Compile(translate(parts[0], extended))
	if err != nil {
		return e, false
	}
	e.old, e.all = old, parts[2] != ""
	e.new = replacement(parts[1])
	return e, true
}

// split at a delimiter that no backslash protects; a protected one loses its.
func split(text string, delimiter byte) []string {
	parts := []string{""}
	for i := 0; i < len(text); i++ {
		last := &parts[len(parts)-1]
		switch {
		case text[i] == '\\' && i+1 < len(text) && text[i+1] == delimiter:
			i++
			*last += string(delimiter)
		case text[i] == '\\' && i+1 < len(text):
			*last += text[i : i+2]
			i++
		case text[i] == delimiter:
			parts = append(parts, "")
		default:
			*last += string(text[i])
		}
	}
	return parts
}

// translate makes a basic expression, in which ( + ? | { are letters unless a
// backslash stands before, an extended one.
func translate(pattern string, extended bool) string {
	if extended {
		return pattern
	}
	var out strings.Builder
	for i := 0; i < len(pattern); i++ {
		special := func(c byte) bool { return strings.IndexByte("(){}+?|", c) >= 0 }
		switch {
		case pattern[i] == '\\' && i+1 < len(pattern) && special(pattern[i+1]):
			i++
			out.WriteByte(pattern[i])
		case pattern[i] == '\\' && i+1 < len(pattern):
			out.WriteString(pattern[i : i+2])
			i++
		case special(pattern[i]):
			out.WriteString(`\` + pattern[i:i+1])
		default:
			out.WriteByte(pattern[i])
		}
	}
	return out.String()
}

// replacement in the words of package regexp: & is the match, \1 a group.
func replacement(text string) string {
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '$':
			out.WriteString("$$")
		case text[i] == '&':
			out.WriteString("${0}")
		case text[i] == '\\' && i+1 < len(text):
			i++
			if text[i] >= '1' && text[i] <= '9' {
				out.WriteString("${" + text[i:i+1] + "}")
			} else {
				out.WriteByte(text[i])
			}
		default:
			out.WriteByte(text[i])
		}
	}
	return out.String()
}

func apply(edits []edit, text string) string {
	lines := strings.SplitAfter(text, "\n")
	for i, line := range lines {
		body, end := strings.CutSuffix(line, "\n")
		for _, e := range edits {
			if e.where != nil && !e.where.MatchString(body) {
				continue
			}
			if e.all {
				body = e.old.ReplaceAllString(body, e.new)
			} else if at := e.old.FindStringSubmatchIndex(body); at != nil {
				body = body[:at[0]] + string(e.old.ExpandString(nil, e.new, body, at)) + body[at[1]:]
			}
		}
		if lines[i] = body; end {
			lines[i] += "\n"
		}
	}
	return strings.Join(lines, "")
}
