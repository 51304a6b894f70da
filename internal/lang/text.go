package lang

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"khaibao/models"
)

// text is a text cut at its placeholders: words and names in turn, beginning and ending with words.
type text struct {
	words []string
	names []string
}

var placeholder = regexp.MustCompile(`\{([a-z][a-z0-9_]*)\}`)

func parseText(s string) (text, error) {
	var t text
	rest := 0
	for _, at := range placeholder.FindAllStringSubmatchIndex(s, -1) {
		t.words = append(t.words, s[rest:at[0]])
		t.names = append(t.names, s[at[2]:at[3]])
		rest = at[1]
	}
	t.words = append(t.words, s[rest:])
	switch {
	case strings.TrimSpace(s) == "":
		return t, fmt.Errorf("the text is empty")
	case strings.ContainsAny(strings.Join(t.words, ""), "{}"):
		return t, fmt.Errorf("a brace that makes no {placeholder}")
	}
	return t, nil
}

// placeholders lists the names in it, sorted, each once.
func (t text) placeholders() []string {
	names := slices.Clone(t.names)
	slices.Sort(names)
	return slices.Compact(names)
}

func (t text) fill(l models.Lang, args map[string]any) string {
	if len(t.names) == 0 {
		return t.words[0]
	}
	var out strings.Builder
	for i, name := range t.names {
		out.WriteString(t.words[i])
		if value, ok := args[name]; ok {
			out.WriteString(show(l, value))
		} else {
			out.WriteString("{" + name + "}")
		}
	}
	out.WriteString(t.words[len(t.names)])
	return out.String()
}

// show writes a value as a reader of the language expects it: Vietnamese has a decimal comma.
func show(l models.Lang, value any) string {
	switch value := value.(type) {
	case *float64:
		if value == nil {
			return ""
		}
		return show(l, *value)
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
