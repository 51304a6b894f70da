package lang

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"khaibao/models"
)

// text is a text cut into parts. A part in [brackets] is left out when one of its placeholders is not given.
type text []part

// part is words and names in turn, beginning and ending with words.
type part struct {
	optional bool
	words    []string
	names    []string
}

var (
	placeholder = regexp.MustCompile(`\{([a-z][a-z0-9_]*)\}`)
	brackets    = regexp.MustCompile(`\[[^\[\]]*\]`)
)

func parseText(s string) (text, error) {
	if strings.TrimSpace(s) == "" {
		return nil, errors.New("the text is empty")
	}
	var t text
	rest := 0
	for _, at := range brackets.FindAllStringIndex(s, -1) {
		optional := parsePart(s[at[0]+1 : at[1]-1])
		optional.optional = true
		t = append(t, parsePart(s[rest:at[0]]), optional)
		rest = at[1]
	}
	t = append(t, parsePart(s[rest:]))
	for _, p := range t {
		if strings.ContainsAny(strings.Join(p.words, ""), "{}[]") {
			return nil, errors.New("a brace or bracket that makes no {placeholder} and no [optional part]")
		}
		if p.optional && len(p.names) == 0 {
			return nil, errors.New("an [optional part] without a {placeholder}")
		}
	}
	return t, nil
}

func parsePart(s string) part {
	var p part
	rest := 0
	for _, at := range placeholder.FindAllStringSubmatchIndex(s, -1) {
		p.words = append(p.words, s[rest:at[0]])
		p.names = append(p.names, s[at[2]:at[3]])
		rest = at[1]
	}
	p.words = append(p.words, s[rest:])
	return p
}

// placeholders lists the names in it, sorted, each once: those that must be given, or the optional ones.
func (t text) placeholders(optional bool) []string {
	var names []string
	for _, p := range t {
		if p.optional == optional {
			names = append(names, p.names...)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (t text) fill(l models.Lang, args map[string]any) string {
	var out strings.Builder
	for _, p := range t {
		if !p.optional || p.given(args) {
			p.fill(&out, l, args)
		}
	}
	return out.String()
}

func (p part) given(args map[string]any) bool {
	return !slices.ContainsFunc(p.names, func(name string) bool { return args[name] == nil })
}

func (p part) fill(out *strings.Builder, l models.Lang, args map[string]any) {
	for i, name := range p.names {
		out.WriteString(p.words[i])
		if value, ok := args[name]; ok {
			out.WriteString(show(l, value))
		} else {
			out.WriteString("{" + name + "}")
		}
	}
	out.WriteString(p.words[len(p.names)])
}

// show writes a value as a reader of the language expects it: Vietnamese has a decimal comma.
func show(l models.Lang, value any) string {
	switch value := value.(type) {
	case float64:
		number := strconv.FormatFloat(value, 'f', -1, 64)
		if l == models.Vietnamese {
			number = strings.Replace(number, ".", ",", 1)
		}
		return number
	case []string:
		return strings.Join(value, ", ")
	default:
		return fmt.Sprint(value)
	}
}
