// Package programs holds the programs that are shipped inside the binary: <id>/<version>.yaml. docs/programs.md is
// their reference. A version that has been released is never changed; a change is a new file.
package programs

import "embed"

// FS holds the shipped programs.
//
//go:embed */*.yaml
var FS embed.FS
