// Command khaibao is the whole product in one binary: the server, its demo, and the operator's tools.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"syscall"

	"github.com/alecthomas/kong"
)

// commands is the command line. Every flag can also be set by the environment variable that its help names.
type commands struct {
	Demo    demoCommand    `cmd:"" help:"Serve the whole product on this machine with synthetic people: for trying and for app developers."`
	Serve   serveCommand   `cmd:"" help:"Serve citizens and officials."`
	Check   checkCommand   `cmd:"" help:"Check program files as a start would, and run their examples."`
	Keys    keysCommand    `cmd:"" help:"Make and rotate the secret keys."`
	Admin   adminCommand   `cmd:"" help:"Add, change, disable and list officials."`
	Migrate migrateCommand `cmd:"" help:"Copy everything from one store to another, checked by counts and digests."`
	Load    loadCommand    `cmd:"" help:"Measure how fast declarations are taken, and all that follows from them carried out."`
}

func main() {
	collectSeldom()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := new(commands).run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "khaibao:", err)
		os.Exit(1)
	}
}

// collectSeldom lets the garbage grow to twice what lives, some 15 MB, before it is collected: every seventh of the time went
// into that. To four times, an export took 80 MB more memory instead of 41. GOGC in the environment has its way.
func collectSeldom() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(200)
	}
}

// run parses the command line and carries the command out. Its errors are in words for the operator.
func (c *commands) run(ctx context.Context, args []string) error {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	parser, err := kong.New(c,
		kong.Name("khaibao"),
		kong.Description("Khai Báo takes citizens' health declarations by app, SMS and USSD and shows health officials who is flagged, and why."),
		kong.DefaultEnvars("KHAIBAO"),
		kong.Vars{"demo_dir": filepath.Join(cache, "khaibao-demo")},
		kong.UsageOnError(),
		kong.BindTo(ctx, (*context.Context)(nil)),
	)
	if err != nil {
		return err
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		return err
	}
	return explained(parsed.Run())
}
