package models

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A new action is in the list, or the audit could not be asked for it.
func TestAuditActionsAreAll(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "audit.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var constants []AuditAction
	ast.Inspect(file, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if ok {
			value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			constants = append(constants, AuditAction(value))
		}
		return true
	})
	if diff := cmp.Diff(constants, AuditActions()); diff != "" || len(slices.Compact(slices.Sorted(slices.Values(constants)))) < 9 {
		t.Errorf("(-constants +list)\n%s", diff)
	}
}
