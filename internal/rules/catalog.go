package rules

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"khaibao/models"
)

// maxFile is how large a program file may be, in bytes.
const maxFile = 1 << 20

// Options is what programs need to know of the world around them.
type Options struct {
	// Commune gives the code of today's commune for an answer to an area question, which may be a former code, or what is
	// wrong with it: a field error without its field. Without it any code of five digits is taken as it is.
	Commune func(code string) (today string, problem *models.FieldError)
}

// Source is a tree of program files, <id>/<version>.yaml. Name goes before the file names in problems.
type Source struct {
	Name string
	FS   fs.FS
}

// Catalog is every version of every program.
type Catalog struct {
	all []*Program // by id, then version
}

// Load reads every program of the sources. When anything is wrong with any of them it gives a *Problems that names it
// all, and no catalog. The same id and version may stand in several sources only with the same content.
func Load(opts Options, sources ...Source) (*Catalog, error) {
	problems := &Problems{}
	catalog := &Catalog{}
	for _, source := range sources {
		catalog.load(opts, source, problems)
	}
	slices.SortFunc(catalog.all, func(a, b *Program) int {
		return cmp.Or(strings.Compare(a.id, b.id), cmp.Compare(a.version, b.version))
	})
	catalog.keywords(problems)
	if len(problems.List) > 0 {
		problems.sort()
		return nil, problems
	}
	if len(catalog.all) == 0 {
		return nil, &Problems{[]Problem{{File: "programs", Message: "no program found", Hint: "a program is a file <id>/<version>.yaml"}}}
	}
	return catalog, nil
}

func (c *Catalog) load(opts Options, source Source, problems *Problems) {
	err := fs.WalkDir(source.FS, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && strings.HasPrefix(name, ".") && name != "." {
			return fs.SkipDir
		}
		if ext := path.Ext(name); entry.IsDir() || (ext != ".yaml" && ext != ".yml") {
			return nil
		}
		content, err := read(source.FS, name)
		if err != nil {
			return err
		}
		program, found := parse(opts, path.Join(source.Name, name), name, content)
		problems.List = append(problems.List, found...)
		if len(found) == 0 {
			problems.List = append(problems.List, c.add(program)...)
		}
		return nil
	})
	if err != nil {
		problems.List = append(problems.List, Problem{File: cmp.Or(source.Name, "programs"), Message: "cannot be read: " + reason(err)})
	}
}

// reason leaves the path out: the problem names the file already.
func reason(err error) string {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		return pathError.Path + ": " + pathError.Err.Error()
	}
	return err.Error()
}

func read(tree fs.FS, name string) ([]byte, error) {
	info, err := fs.Stat(tree, name)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("%s is larger than %d bytes", name, maxFile)
	}
	return fs.ReadFile(tree, name)
}

// parse reads one file. name is its path inside the source, which must agree with what it holds.
func parse(opts Options, file, name string, content []byte) (*Program, []Problem) {
	d := &decoder{file: file, lines: linesOf(content)}
	var node programFile
	d.document(content, &node)
	if len(d.list) > 0 && node.line == 0 {
		return nil, d.list
	}
	program := build(d, &node, content, opts)
	if want := program.id + "/" + strconv.Itoa(program.version) + ".yaml"; name != want && node.ID.line > 0 && node.Version.set {
		d.problem(node.ID.mark, "rename the file, or correct id and version", "the file is %s but holds %s", name, want)
	}
	return program, d.list
}

func linesOf(content []byte) [][]rune {
	var lines [][]rune
	for line := range strings.SplitSeq(string(content), "\n") {
		lines = append(lines, []rune(strings.TrimSuffix(line, "\r")))
	}
	return lines
}

// add takes a program into the catalog, once.
func (c *Catalog) add(program *Program) []Problem {
	known, ok := c.Version(program.id, program.version)
	switch {
	case !ok:
		c.all = append(c.all, program)
	case !bytes.Equal(known.content, program.content):
		return []Problem{{File: program.file, Line: 1, Column: 1, Hint: "give the change a new version number",
			Message: fmt.Sprintf("%s version %d is already in %s with other content", program.id, program.version, known.file)}}
	}
	return nil
}

// keywords holds that an SMS keyword means one program.
func (c *Catalog) keywords(problems *Problems) {
	owner := map[string]*Program{}
	for _, p := range c.all {
		if p.keyword == "" {
			continue
		}
		if other := owner[p.keyword]; other != nil && other.id != p.id {
			problems.List = append(problems.List, Problem{File: p.file, Line: 1, Column: 1, Hint: "choose another keyword",
				Message: fmt.Sprintf("the keyword %s belongs to %s", p.keyword, other.id)})
		}
		owner[p.keyword] = p
	}
}

// IDs gives the id of every program, each once, in the order of All.
func (c *Catalog) IDs() []string {
	var out []string
	for _, p := range c.all {
		if !slices.Contains(out, p.ID()) {
			out = append(out, p.ID())
		}
	}
	return out
}

// All lists every version of every program, by id, then version.
func (c *Catalog) All() []*Program { return slices.Clone(c.all) }

// Active lists the current version of each program that is valid at a moment, by id.
func (c *Catalog) Active(at time.Time) []*Program {
	var active []*Program
	for _, p := range c.all {
		if !p.ValidOn(at) {
			continue
		}
		if n := len(active); n > 0 && active[n-1].id == p.id {
			active[n-1] = p
			continue
		}
		active = append(active, p)
	}
	return active
}

// Current gives the highest version of a program that is valid at a moment.
func (c *Catalog) Current(id string, at time.Time) (*Program, bool) {
	for _, p := range slices.Backward(c.all) {
		if p.id == id && p.ValidOn(at) {
			return p, true
		}
	}
	return nil, false
}

// Version gives one version of a program, valid or not.
func (c *Catalog) Version(id string, version int) (*Program, bool) {
	for _, p := range c.all {
		if p.id == id && p.version == version {
			return p, true
		}
	}
	return nil, false
}
