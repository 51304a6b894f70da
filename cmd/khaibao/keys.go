package main

import (
	"fmt"
	"strings"

	"khaibao/internal/seal"
)

type keysCommand struct {
	Init   keysInit   `cmd:"" help:"Make new keys and write them to a file that only its owner can read."`
	Rotate keysRotate `cmd:"" help:"Add a key to a key file and use it from the next start on; the older ones keep opening what they sealed."`
}

type keysInit struct {
	File string `arg:"" help:"The file to make. It is never overwritten."`
}

// Run makes the file.
func (c *keysInit) Run() error {
	keys, err := seal.Generate()
	if err != nil {
		return err
	}
	if err := keys.CreateFile(c.File); err != nil {
		return err
	}
	fmt.Printf("wrote %s\nBack it up now, apart from the database: without it no name, phone or note can ever be read again.\n", c.File)
	return nil
}

type keysRotate struct {
	File string   `arg:"" help:"The key file."`
	Only []string `help:"The kinds of key to rotate: seal, hash, token." default:"seal,hash,token"`
}

// Run rotates and writes the file in one step.
func (c *keysRotate) Run() error {
	keys, err := seal.ReadFile(c.File)
	if err != nil {
		return err
	}
	for _, section := range c.Only {
		if keys, err = keys.Rotate(section); err != nil {
			return err
		}
	}
	if err := keys.ReplaceFile(c.File); err != nil {
		return err
	}
	fmt.Printf("rotated %s in %s; restart every process that uses it, and back it up\n", strings.Join(c.Only, ", "), c.File)
	return nil
}
