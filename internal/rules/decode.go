package rules

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// maxNodes bounds what one file may hold once its aliases are followed.
const maxNodes = 200_000

// decoder turns a YAML file into Go values strictly: every unknown key, missing key and wrong kind of value becomes a
// problem with its place, and reading goes on so that all of them are named at once.
type decoder struct {
	file    string
	list    []Problem
	anchors map[string]ast.Node
	nodes   int
	lines   [][]rune
}

// mark is the place where a value stands in its file. Every decoded struct embeds one.
type mark struct{ line, column int }

func (m *mark) setMark(at mark) { *m = at }

// reader is a value that reads its own node.
type reader interface {
	read(d *decoder, node ast.Node)
}

// problem notes what is wrong at a place.
func (d *decoder) problem(at mark, hint, format string, args ...any) {
	d.list = append(d.list, Problem{
		File: d.file, Line: at.line, Column: at.column, Message: fmt.Sprintf(format, args...), Hint: hint,
	})
}

// document reads the one document of a file into a struct.
func (d *decoder) document(content []byte, into any) {
	file, err := parser.ParseBytes(content, 0)
	if err != nil {
		d.syntax(err)
		return
	}
	if len(file.Docs) != 1 || file.Docs[0].Body == nil {
		d.problem(mark{1, 1}, "one file holds one version of one program", "the file must hold exactly one YAML document")
		return
	}
	d.anchors = map[string]ast.Node{}
	d.value(file.Docs[0].Body, reflect.ValueOf(into).Elem())
}

func (d *decoder) syntax(err error) {
	at, message := mark{1, 1}, err.Error()
	var syntax yaml.Error
	if errors.As(err, &syntax) && syntax.GetToken() != nil {
		at, message = markOf(syntax.GetToken().Position.Line, syntax.GetToken().Position.Column), syntax.GetMessage()
	}
	d.problem(at, "check the indentation (blanks only, no tabs), the colons and the quotes near here", "not valid YAML: %s", message)
}

// value reads a node into a Go value of any kind that the file's structs use.
func (d *decoder) value(node ast.Node, into reflect.Value) {
	if d.nodes++; d.nodes > maxNodes {
		if d.nodes == maxNodes+1 {
			d.problem(place(node), "use fewer aliases", "the file is too large once its aliases are followed")
		}
		return
	}
	node, ok := d.follow(node)
	if !ok {
		return
	}
	if r, ok := into.Addr().Interface().(reader); ok {
		r.read(d, node)
		return
	}
	switch into.Kind() {
	case reflect.Pointer:
		into.Set(reflect.New(into.Type().Elem()))
		d.value(node, into.Elem())
	case reflect.Slice:
		d.slice(node, into)
	case reflect.Struct:
		d.structure(node, into)
	default:
		panic("rules: no way to read a " + into.Type().String())
	}
}

// follow resolves anchors and aliases. An anchor counts from its end on, so no value can hold itself.
func (d *decoder) follow(node ast.Node) (ast.Node, bool) {
	switch n := node.(type) {
	case *ast.AnchorNode:
		inner, ok := d.follow(n.Value)
		if ok {
			d.anchors[n.Name.String()] = inner
		}
		return inner, ok
	case *ast.AliasNode:
		target, ok := d.anchors[n.Value.String()]
		if !ok {
			d.problem(place(node), "an alias follows its anchor", "no anchor &%s above this alias", n.Value.String())
		}
		return target, ok
	case *ast.TagNode:
		d.problem(place(node), "leave the tag out", "tags such as %s are not used here", n.GetToken().Value)
		return nil, false
	}
	return node, node != nil
}

func (d *decoder) slice(node ast.Node, into reflect.Value) {
	sequence, ok := node.(*ast.SequenceNode)
	if !ok {
		d.problem(place(node), "write each entry on a line that begins with \"- \"", "a list is expected here, not %s", kindOf(node))
		return
	}
	into.Set(reflect.MakeSlice(into.Type(), 0, len(sequence.Values))) // an empty list is there, not missing
	for _, entry := range sequence.Values {
		element := reflect.New(into.Type().Elem()).Elem()
		d.value(entry, element)
		into.Set(reflect.Append(into, element))
	}
}

func (d *decoder) structure(node ast.Node, into reflect.Value) {
	at := place(node)
	if m, ok := into.Addr().Interface().(interface{ setMark(mark) }); ok {
		m.setMark(at)
	}
	values, ok := d.mapping(node)
	if !ok {
		return
	}
	fields := fieldsOf(into.Type())
	found := map[string]bool{}
	for _, pair := range values {
		key := keyOf(pair)
		field, ok := fields.byKey[key]
		if !ok {
			d.problem(place(pair.Key), oneOf(key, fields.keys), "unknown key %q", key)
			continue
		}
		if isNull(pair.Value) {
			d.problem(place(pair.Key), "give it a value or take the key out", "%s has no value", key)
			found[key] = true
			continue
		}
		found[key] = true
		d.value(pair.Value, into.Field(field))
	}
	for _, key := range fields.required {
		if !found[key] {
			d.problem(at, fmt.Sprintf("add %q", key+": ..."), "%s is missing", key)
		}
	}
}

// mapping gives the pairs of a mapping in the file's order.
func (d *decoder) mapping(node ast.Node) ([]*ast.MappingValueNode, bool) {
	switch n := node.(type) {
	case *ast.MappingNode:
		return n.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, true
	}
	d.problem(place(node), "write \"key: value\" lines", "keys with values are expected here, not %s", kindOf(node))
	return nil, false
}

// keyOf is a key without the quotes it may stand in.
func keyOf(pair *ast.MappingValueNode) string {
	if text, ok := pair.Key.(*ast.StringNode); ok {
		return text.Value
	}
	return pair.Key.String()
}

// structFields is what the tags of a struct say: `yaml:"key"` or `yaml:"key,required"`.
type structFields struct {
	byKey          map[string]int
	keys, required []string
}

func fieldsOf(t reflect.Type) structFields {
	fields := structFields{byKey: map[string]int{}}
	for i := range t.NumField() {
		key, option, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
		if key == "" {
			continue
		}
		fields.byKey[key] = i
		fields.keys = append(fields.keys, key)
		if option == "required" {
			fields.required = append(fields.required, key)
		}
	}
	return fields
}

// place is where a node begins.
func place(node ast.Node) mark {
	switch n := node.(type) {
	case nil:
		return mark{}
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			return place(n.Values[0])
		}
	case *ast.MappingValueNode:
		return place(n.Key)
	}
	token := node.GetToken()
	if token == nil || token.Position == nil {
		return mark{}
	}
	return markOf(token.Position.Line, token.Position.Column)
}

func markOf(line, column int) mark { return mark{max(line, 1), max(column, 1)} }

func isNull(node ast.Node) bool {
	_, null := node.(*ast.NullNode)
	return node == nil || null
}

// kindOf says in words what a node is.
func kindOf(node ast.Node) string {
	switch n := node.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "keys with values"
	case *ast.SequenceNode:
		return "a list"
	case *ast.NullNode:
		return "nothing"
	case *ast.BoolNode:
		return "true or false"
	case *ast.IntegerNode:
		return "a number"
	case *ast.FloatNode:
		return "a decimal number"
	case *ast.StringNode, *ast.LiteralNode:
		return "a text"
	default:
		return n.Type().String()
	}
}
