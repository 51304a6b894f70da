package lang

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"khaibao/models"
)

// use is a text code as it stands in the sources. args is nil where they are not written beside it.
type use struct {
	pos     token.Position
	section string // error | field
	code    string
	args    []string
	sure    bool // args are complete
}

// Every code that the program can answer has a text, and what is written beside it fills the text's placeholders.
func TestEveryCodeInTheSourcesHasAText(t *testing.T) {
	t.Parallel()
	texts := loadTexts(t)
	uses := codesInSources(t)
	if len(uses) < 20 {
		t.Errorf("found only %d codes: the search no longer sees them", len(uses))
	}
	for _, u := range uses {
		key := u.section + "." + u.code
		parts := []string{key}
		if u.section == "error" {
			parts = []string{key + ".title", key + ".detail"}
		}
		for _, part := range parts {
			text, ok := texts.byLang[models.Vietnamese][part]
			if !ok {
				t.Errorf("%s: no text for %s", u.pos, part)
			}
			for _, name := range text.placeholders(false) {
				if u.sure && !slices.Contains(u.args, name) {
					t.Errorf("%s: %s needs {%s}, which is not given", u.pos, part, name)
				}
			}
		}
	}
}

func codesInSources(t *testing.T) []use {
	t.Helper()
	root := moduleRoot(t)
	files := token.NewFileSet()
	var uses []use
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && path != root && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "testdata" || entry.Name() == "node_modules"):
			return filepath.SkipDir
		case entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		uses = append(uses, codesIn(files, file)...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return uses
}

func moduleRoot(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the tests")
		}
	}
}

func codesIn(files *token.FileSet, file *ast.File) []use {
	var uses []use
	ast.Inspect(file, func(node ast.Node) bool {
		var found []use
		switch node := node.(type) {
		case *ast.CallExpr:
			found = codesOfCall(node)
		case *ast.CompositeLit:
			found = codesOfLiteral(node)
		case *ast.ReturnStmt:
			found = codesOfReturn(node)
		}
		for _, u := range found {
			u.pos = files.Position(node.Pos())
			uses = append(uses, u)
		}
		return true
	})
	return uses
}

var codeForm = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)

// codesOfCall sees Fail(kind, "code"), InvalidField(field, "code", args), and calls that hand on a JSON pointer and a
// code, such as wrong("/id", "not_uuidv7").
func codesOfCall(call *ast.CallExpr) []use {
	name := nameOf(call.Fun)
	switch {
	case name == "Fail" && len(call.Args) == 2:
		return one("error", call.Args[1], nil, true)
	case name == "InvalidField" && len(call.Args) == 3:
		args, sure := mapKeys(call.Args[2])
		return one("field", call.Args[1], args, sure)
	}
	for i, arg := range call.Args {
		pointer, ok := stringOf(arg)
		if ok && strings.HasPrefix(pointer, "/") && i+1 < len(call.Args) && (name == "wrong" || name == "problem") {
			return one("field", call.Args[i+1], nil, false)
		}
	}
	return nil
}

// codesOfReturn sees functions that give a value or a field code: return "", "too_long" and return nil, "wrong_type", args.
func codesOfReturn(r *ast.ReturnStmt) []use {
	if len(r.Results) < 2 {
		return nil
	}
	if empty, ok := stringOf(r.Results[0]); (ok && empty == "") || nameOf(r.Results[0]) == "nil" {
		return one("field", r.Results[1], nil, false)
	}
	return nil
}

// codesOfLiteral sees models.Error{Code: "code"} and models.FieldError{Code: "code"}, also without the names of the
// fields, and lists of field errors whose elements leave the type out.
func codesOfLiteral(lit *ast.CompositeLit) []use {
	if list, ok := lit.Type.(*ast.ArrayType); ok && nameOf(list.Elt) == "FieldError" {
		var uses []use
		for _, element := range lit.Elts {
			if inner, ok := element.(*ast.CompositeLit); ok && inner.Type == nil {
				uses = append(uses, codesOfFields("field", inner)...)
			}
		}
		return uses
	}
	switch nameOf(lit.Type) {
	case "Error":
		return codesOfFields("error", lit)
	case "FieldError":
		return codesOfFields("field", lit)
	}
	return nil
}

func codesOfFields(section string, lit *ast.CompositeLit) []use {
	var code, args ast.Expr
	for i, element := range lit.Elts {
		pair, named := element.(*ast.KeyValueExpr)
		switch {
		case named && nameOf(pair.Key) == "Code", !named && i == 1:
			code = valueOf(element)
		case named && nameOf(pair.Key) == "Args", !named && i == 2:
			args = valueOf(element)
		}
	}
	if code == nil {
		return nil
	}
	keys, sure := mapKeys(args)
	return one(section, code, keys, sure)
}

func one(section string, code ast.Expr, args []string, sure bool) []use {
	text, ok := stringOf(code)
	if !ok || !codeForm.MatchString(text) {
		return nil
	}
	return []use{{section: section, code: text, args: args, sure: sure}}
}

// mapKeys gives the keys of a map literal; sure when the expression is nil or a literal with literal keys.
func mapKeys(e ast.Expr) (keys []string, sure bool) {
	if e == nil || nameOf(e) == "nil" {
		return nil, true
	}
	lit, ok := e.(*ast.CompositeLit)
	if !ok {
		return nil, false
	}
	for _, element := range lit.Elts {
		pair, ok := element.(*ast.KeyValueExpr)
		if !ok {
			return nil, false
		}
		key, ok := stringOf(pair.Key)
		if !ok {
			return nil, false
		}
		keys = append(keys, key)
	}
	return keys, true
}

func valueOf(e ast.Expr) ast.Expr {
	if pair, ok := e.(*ast.KeyValueExpr); ok {
		return pair.Value
	}
	return e
}

func nameOf(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

func stringOf(e ast.Expr) (string, bool) {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(lit.Value)
	return text, err == nil
}

// The search itself must see every way in which the sources write a code.
func TestCodesAreSeen(t *testing.T) {
	t.Parallel()
	const source = `package p
func f() {
	_ = models.Fail(models.NotFound, "a1")
	_ = Fail(NotFound, "a2")
	_ = models.InvalidField("/x", "b1", nil)
	_ = models.InvalidField("/x", "b2", map[string]any{"max": 3})
	_ = &models.Error{Kind: models.Conflict, Code: "a3", Args: map[string]any{"max": 1}}
	_ = models.FieldError{Field: "/x", Code: "b3", Args: args}
	_ = models.FieldError{"/x", "b4", nil}
	_ = []models.FieldError{{Field: "/x", Code: "b5"}, {"/x", "b6", nil}}
	wrong("/x", "b7")
	_ = other.Thing{Code: "no"}
	mux.Handle("/x", "no")
	return "", "b8"
}
func g() (any, string, map[string]any) { return nil, "b9", args }
func h() (string, string) { return "no", "no" }`
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, "p.go", source, 0)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, u := range codesIn(files, file) {
		got[u.code] = u.section + " " + strings.Join(u.args, " ") + " " + strconv.FormatBool(u.sure)
	}
	want := map[string]string{
		"a1": "error  true", "a2": "error  true", "a3": "error max true",
		"b1": "field  true", "b2": "field max true", "b3": "field  false", "b4": "field  true",
		"b5": "field  true", "b6": "field  true", "b7": "field  false",
		"b8": "field  false", "b9": "field  false",
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}
