package rules

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// word is a text with its place. A number that stands without quotes is taken as it is written, so that codes keep
// their zeros.
type word struct {
	mark
	value string
	block bool // a block text: it begins on the line after its mark
}

func (w *word) read(d *decoder, node ast.Node) {
	w.mark = place(node)
	switch n := node.(type) {
	case *ast.StringNode:
		w.value = n.Value
	case *ast.LiteralNode:
		w.value, w.block = n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode:
		w.value = node.GetToken().Value
	case *ast.BoolNode:
		d.problem(w.mark, fmt.Sprintf("put it in quotes: %q", n.GetToken().Value), "a text is expected here, not true or false")
		w.mark = mark{} // said; nothing more to say of it
	default:
		d.problem(w.mark, "write one text, in quotes when it holds \": \" or \" #\"", "a text is expected here, not %s", kindOf(node))
		w.mark = mark{}
	}
}

func (w *word) empty() bool { return strings.TrimSpace(w.value) == "" }

// number is a number with its place.
type number struct {
	mark
	value float64
	set   bool
}

func (n *number) read(d *decoder, node ast.Node) {
	n.mark = place(node)
	switch v := node.(type) {
	case *ast.IntegerNode:
		switch whole := v.Value.(type) {
		case int64:
			n.value, n.set = float64(whole), true
		case uint64:
			n.value, n.set = float64(whole), true
		}
	case *ast.FloatNode:
		n.value, n.set = v.Value, !math.IsNaN(v.Value) && !math.IsInf(v.Value, 0)
	}
	if !n.set {
		d.problem(n.mark, "write digits, without quotes", "a number is expected here, not %s", kindOf(node))
	}
}

func (n *number) isWhole() bool {
	return n.value == math.Trunc(n.value) && math.Abs(n.value) <= maxNumber
}

// flag is true or false with its place.
type flag struct {
	mark
	value bool
}

func (f *flag) read(d *decoder, node ast.Node) {
	f.mark = place(node)
	b, ok := node.(*ast.BoolNode)
	if !ok {
		d.problem(f.mark, "write true or false, without quotes", "true or false is expected here, not %s", kindOf(node))
		return
	}
	f.value = b.Value
}

// raw is a value as JSON would give it: bool, string, int64, float64 or []any.
type raw struct {
	mark
	value any
}

func (r *raw) read(d *decoder, node ast.Node) {
	r.mark = place(node)
	switch n := node.(type) {
	case *ast.BoolNode:
		r.value = n.Value
	case *ast.StringNode:
		r.value = n.Value
	case *ast.LiteralNode:
		r.value = n.Value.Value
	case *ast.FloatNode:
		r.value = n.Value
	case *ast.IntegerNode:
		if whole, ok := n.Value.(int64); ok {
			r.value = whole
		} else if whole, ok := n.Value.(uint64); ok {
			r.value = wholeOf(whole)
		}
	case *ast.SequenceNode:
		var entries []raw
		d.slice(n, reflect.ValueOf(&entries).Elem())
		list := make([]any, len(entries))
		for i := range entries {
			list[i] = entries[i].value
		}
		r.value = list
	default:
		d.problem(r.mark, "an answer is true, a number, a text or a list of texts", "an answer is expected here, not %s", kindOf(node))
	}
}

func wholeOf(n uint64) any {
	if n <= math.MaxInt64 {
		return int64(n)
	}
	return float64(n)
}

// entries is a mapping whose keys are data, in the file's order.
type entries[T any] struct {
	mark
	list []entry[T]
}

type entry[T any] struct {
	key   word
	value T
}

func (e *entries[T]) read(d *decoder, node ast.Node) {
	e.mark = place(node)
	pairs, _ := d.mapping(node)
	for _, pair := range pairs {
		one := entry[T]{key: word{mark: place(pair.Key), value: keyOf(pair)}}
		if isNull(pair.Value) {
			d.problem(one.key.mark, "give it a value or take the key out", "%s has no value", one.key.value)
			continue
		}
		d.value(pair.Value, reflect.ValueOf(&one.value).Elem())
		e.list = append(e.list, one)
	}
}

// keys lists the keys.
func (e *entries[T]) keys() []string {
	var keys []string
	for _, one := range e.list {
		keys = append(keys, one.key.value)
	}
	return slices.Clip(keys)
}
