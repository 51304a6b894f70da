// Package house holds the tests of the project's shape: which package may import which, and what stands in the root.
// docs/architecture.md draws the same picture.
package house

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "khaibao"

// rows is the house from top to bottom: a package may import what stands below its row, never beside or above it.
var rows = [][]string{
	{"cmd/khaibao"},
	{"handlers", "internal/console"},
	{"internal/dialogue"},
	{"internal/intake", "internal/cases", "internal/privacy", "internal/auth", "internal/effects", "internal/followup", "internal/broadcast", "push"},
	{"internal/sms", "internal/ussd", "push/fcm", "internal/auth/firebase", "internal/problems"},
	{"internal/rules", "internal/areas", "internal/lang", "internal/seal", "internal/sheet"},
	{"internal/gsm"},
	{"models"},
}

// beside are the packages that stand next to the house, with all that each may import.
var beside = map[string][]string{
	".":                 nil, // the contract, mobile-api.yaml, as bytes
	"programs":          nil, // the shipped programs, as bytes
	"internal/store":    {"internal/seal", "models"},
	"internal/doubles":  {"models"},
	"internal/contract": {"."},
	"internal/house":    nil,

	"internal/kanneltest": nil, // a real Kannel, for tests
	"internal/sitetest": {"internal/areas", "internal/auth", "internal/broadcast", "internal/cases", "internal/effects", "internal/followup", "internal/intake",
		"internal/lang", "internal/privacy", "internal/rules", "internal/seal", "internal/store", "models", "programs", "push"},

	"internal/store/sqlite":    {"internal/store"},
	"internal/store/mongo":     {"internal/store"},
	"internal/store/storetest": {"internal/store", "internal/store/sqlite", "internal/store/mongo", "models"},
}

// importers names, for packages that not everybody may import, who may. Tests are free.
var importers = map[string][]string{
	".":                        {"handlers", "internal/contract", "cmd/khaibao"},
	"programs":                 {"cmd/khaibao", "internal/sitetest"},
	"internal/store":           {"cmd/khaibao", "internal/sitetest", "internal/store/sqlite", "internal/store/mongo", "internal/store/storetest"},
	"internal/store/sqlite":    {"cmd/khaibao", "internal/store/storetest"},
	"internal/store/mongo":     {"cmd/khaibao", "internal/store/storetest"},
	"internal/store/storetest": nil,
	"internal/doubles":         {"cmd/khaibao"},
	"push/fcm":                 {"cmd/khaibao"}, // Firebase's SDK is large: a sender is handed in
	"internal/auth/firebase":   {"cmd/khaibao"},
	"internal/contract":        nil,
	"internal/kanneltest":      nil,
	"internal/sitetest":        nil,
	"internal/house":           nil,
}

// libraries names the packages in which a library is at home; everywhere else it is a guest too many. Tests are free.
var libraries = map[string][]string{
	"github.com/labstack/echo":        {"handlers"},
	"go.mongodb.org/mongo-driver":     {"internal/store/mongo"},
	"modernc.org/sqlite":              {"internal/store/sqlite"},
	"cel.dev/":                        {"internal/rules"},
	"github.com/goccy/go-yaml":        {"internal/rules", "internal/lang"},
	"firebase.google.com/":            {"push/fcm", "internal/auth/firebase"},
	"google.golang.org/api":           {"push/fcm", "internal/auth/firebase"},
	"github.com/golang-jwt/jwt":       {"internal/auth"},
	"github.com/pquerna/otp":          {"internal/auth", "internal/sitetest"},
	"github.com/tink-crypto/":         {"internal/seal"},
	"github.com/nyaruka/phonenumbers": {"internal/auth", "internal/cases"},
	"github.com/boombuler/barcode":    {"internal/console"},
	"github.com/xuri/excelize":        {"internal/sheet"},
	"github.com/klauspost/compress":   {"internal/console"},
	"github.com/alecthomas/kong":      {"cmd/khaibao"},
	"github.com/getkin/kin-openapi":   {"internal/contract"},
	"github.com/linxGnu/gosmpp":       {"internal/kanneltest"},
	"github.com/tsenart/vegeta":       {"cmd/khaibao"},
}

// rootDirectories are all that stand in the root; every other package lives under internal/.
var rootDirectories = []string{"cmd", "docs", "handlers", "internal", "models", "programs", "push", "scripts"}

type goPackage struct {
	ImportPath string
	Dir        string
	GoFiles    []string
	Imports    []string
}

func (p goPackage) name() string { return short(p.ImportPath) }

// short is an import path inside the module: "internal/rules", "." for the root.
func short(path string) string {
	if path == module {
		return "."
	}
	return strings.TrimPrefix(path, module+"/")
}

func ours(path string) bool { return path == module || strings.HasPrefix(path, module+"/") }

func packages(t *testing.T) []goPackage {
	t.Helper()
	list := exec.Command("go", "list", "-e", "-json=ImportPath,Dir,GoFiles,Imports", module+"/...")
	var failure bytes.Buffer
	list.Stderr = &failure
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, failure.String())
	}
	var all []goPackage
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func rowOf(name string) int {
	return slices.IndexFunc(rows, func(row []string) bool { return slices.Contains(row, name) })
}

// mayImport tells whether a package of ours may import another by the picture.
func mayImport(from, to string) bool {
	if who, few := importers[to]; few && !slices.Contains(who, from) {
		return false
	}
	if allowed, ok := beside[from]; ok {
		return slices.Contains(allowed, to)
	}
	if _, ok := beside[to]; ok {
		return true // importers has said yes
	}
	return rowOf(from) >= 0 && rowOf(from) < rowOf(to)
}

func TestHouse(t *testing.T) {
	t.Parallel()
	all := packages(t)
	if len(all) < 5 {
		t.Fatalf("go list gives only %d packages", len(all))
	}
	t.Run("every package has its place", func(t *testing.T) { everyPackageHasItsPlace(t, all) })
	t.Run("imports go down", func(t *testing.T) { importsGoDown(t, all) })
	t.Run("models import the standard library only", func(t *testing.T) { modelsImportTheStandardLibraryOnly(t, all) })
	t.Run("libraries stay at home", func(t *testing.T) { librariesStayAtHome(t, all) })
	t.Run("nothing registers itself", func(t *testing.T) { noInit(t, all) })
}

func everyPackageHasItsPlace(t *testing.T, all []goPackage) {
	for _, p := range all {
		if _, ok := beside[p.name()]; !ok && rowOf(p.name()) < 0 {
			t.Errorf("%s has no place in the house: draw it in docs/architecture.md and here", p.name())
		}
	}
}

func importsGoDown(t *testing.T, all []goPackage) {
	for _, p := range all {
		for _, imported := range p.Imports {
			if ours(imported) && !mayImport(p.name(), short(imported)) {
				t.Errorf("%s imports %s: arrows point down", p.name(), short(imported))
			}
		}
	}
}

func modelsImportTheStandardLibraryOnly(t *testing.T, all []goPackage) {
	for _, p := range all {
		if p.name() != "models" {
			continue
		}
		for _, imported := range p.Imports {
			if first, _, _ := strings.Cut(imported, "/"); ours(imported) || strings.Contains(first, ".") {
				t.Errorf("models imports %s", imported)
			}
		}
	}
}

func librariesStayAtHome(t *testing.T, all []goPackage) {
	for _, p := range all {
		for _, imported := range p.Imports {
			for library, homes := range libraries {
				if strings.HasPrefix(imported, library) && !slices.Contains(homes, p.name()) {
					t.Errorf("%s imports %s, which is at home in %v", p.name(), imported, homes)
				}
			}
		}
	}
}

// noInit: what the program is made of is read in its wiring.
func noInit(t *testing.T, all []goPackage) {
	for _, p := range all {
		for _, name := range p.GoFiles {
			file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			for _, declaration := range file.Decls {
				f, ok := declaration.(*ast.FuncDecl)
				if ok && f.Recv == nil && f.Name.Name == "init" {
					t.Errorf("%s/%s has an init function", p.name(), name)
				}
			}
		}
	}
}

func TestRootIsAPage(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("git", "ls-files", "--full-name", ":/").Output()
	if err != nil {
		t.Fatalf("git ls-files: %v", err)
	}
	for _, file := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		directory, _, nested := strings.Cut(file, "/")
		if nested && !strings.HasPrefix(directory, ".") && !slices.Contains(rootDirectories, directory) {
			t.Errorf("%s: the root has no place for %s", file, directory)
		}
	}
}

// The picture itself is tried with arrows that must hold and arrows that must not.
func TestMayImport(t *testing.T) {
	t.Parallel()
	tests := []struct {
		from, to string
		want     bool
	}{
		{"handlers", "internal/intake", true},
		{"handlers", "models", true},
		{"internal/intake", "internal/rules", true},
		{"cmd/khaibao", "internal/store/sqlite", true},
		{"internal/store/mongo", "internal/store", true},
		{"models", "internal/rules", false},
		{"internal/rules", "internal/areas", false},
		{"internal/intake", "internal/cases", false},
		{"internal/intake", "handlers", false},
		{"handlers", "internal/store", false},
		{"handlers", "internal/console", false},
		{"internal/console", "internal/cases", true},
		{"internal/console", "internal/store", false},
		{"internal/intake", "internal/store/sqlite", false},
		{"internal/store", "internal/store/sqlite", false},
		{"internal/store", "internal/rules", false},
		{"handlers", "internal/doubles", false},
		{"cmd/khaibao", "push/fcm", true},
		{"push", "push/fcm", false},
		{"internal/unheard_of", "models", false},
	}
	for _, test := range tests {
		if got := mayImport(test.from, test.to); got != test.want {
			t.Errorf("%s -> %s: %v, want %v", test.from, test.to, got, test.want)
		}
	}
}
