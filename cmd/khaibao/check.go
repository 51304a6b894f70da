package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"khaibao/internal/areas"
	"khaibao/internal/rules"
)

type checkCommand struct {
	Paths []string `arg:"" optional:"" help:"Program files, or directories of them; the shipped programs without any." type:"path"`
}

// Run checks and runs the examples; it fails when anything is wrong.
func (c *checkCommand) Run() error {
	directory, err := areas.Load()
	if err != nil {
		return err
	}
	var catalog *rules.Catalog
	if len(c.Paths) == 0 {
		catalog, err = loadPrograms(directory)
	} else {
		var sources []rules.Source
		if sources, err = checkSources(c.Paths); err == nil {
			catalog, err = rules.Load(rules.Options{Commune: directory.Today}, sources...)
		}
	}
	if err != nil {
		return err
	}
	failed := 0
	for _, p := range catalog.All() {
		failures := p.RunExamples()
		for _, f := range failures {
			fmt.Println(f)
		}
		failed += len(failures)
		fmt.Printf("%s version %d: %d examples, %d failed\n", p.ID(), p.Version(), len(p.Examples()), len(failures))
	}
	if failed > 0 {
		return fmt.Errorf("%d examples failed", failed)
	}
	return nil
}

// checkSources makes a source of each path: a tree of <id>/<version>.yaml, one program's directory, or one file.
func checkSources(paths []string) ([]rules.Source, error) {
	var sources []rules.Source
	var problems []error
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		source := rules.Source{Name: path, FS: os.DirFS(path)}
		if files, _ := filepath.Glob(filepath.Join(path, "*.yaml")); !info.IsDir() {
			dir := filepath.Dir(path)
			source = part(filepath.Dir(dir), filepath.Base(dir), filepath.Base(path))
		} else if len(files) > 0 {
			source = part(filepath.Dir(path), filepath.Base(path), "")
		}
		sources = append(sources, source)
	}
	return sources, errors.Join(problems...)
}

// part is a source that shows one program of a tree, or one file of it.
func part(tree, dir, file string) rules.Source {
	return rules.Source{Name: tree, FS: partial{os.DirFS(tree), dir, file}}
}

// partial shows one directory of a tree and, when file is set, one file of that.
type partial struct {
	fs.FS
	dir, file string
}

// ReadDir lists only what is shown.
func (p partial) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(p.FS, name)
	shown := p.dir
	if name == p.dir {
		shown = p.file
	}
	return slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return shown != "" && e.Name() != shown }), err
}
