package console

import (
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// formAt reads a form of a page as a browser would send it: what is typed, ticked and chosen, without buttons.
func (p page) formAt(t testing.TB, action string) url.Values {
	t.Helper()
	root, err := html.Parse(strings.NewReader(p.body))
	must(t, err)
	for n := range root.Descendants() {
		if n.Data == "form" && attr(n, "action") == action {
			return fieldsIn(n)
		}
	}
	t.Fatalf("no form for %s: %s", action, p.words())
	return nil
}

func fieldsIn(form *html.Node) url.Values {
	out := url.Values{}
	for n := range form.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		name := attr(n, "name")
		switch kind := attr(n, "type"); {
		case n.Data == "input" && (kind == "radio" || kind == "checkbox"):
			if carries(n, "checked") {
				out.Add(name, attr(n, "value"))
			}
		case n.Data == "input":
			out.Add(name, attr(n, "value"))
		case n.Data == "textarea":
			out.Add(name, textOf(n))
		case n.Data == "select":
			out.Add(name, selected(n))
		}
	}
	return out
}

func selected(list *html.Node) string {
	var values []string
	for n := range list.Descendants() {
		if n.Data == "option" && carries(n, "selected") {
			return attr(n, "value")
		}
		if n.Data == "option" {
			values = append(values, attr(n, "value"))
		}
	}
	return strings.Join(values[:min(1, len(values))], "") // a browser sends the first
}

func textOf(n *html.Node) string {
	var out strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			out.WriteString(d.Data)
		}
	}
	return out.String()
}

func carries(n *html.Node, name string) bool {
	for _, a := range n.Attr {
		if a.Key == name {
			return true
		}
	}
	return false
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// with sets fields of a form; an empty value clears one.
func with(form url.Values, pairs ...string) url.Values {
	for i := 0; i+1 < len(pairs); i += 2 {
		if form.Del(pairs[i]); pairs[i+1] != "" {
			form.Set(pairs[i], pairs[i+1])
		}
	}
	return form
}
