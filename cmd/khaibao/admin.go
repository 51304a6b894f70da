package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"text/tabwriter"
	"time"

	"khaibao/internal/auth"
	"khaibao/internal/console"
	"khaibao/internal/store"
	"khaibao/models"
)

type adminCommand struct {
	storeConfig
	Add     adminAdd     `cmd:"" help:"Add an official and print the password and TOTP secret, or with --console a set-up link, once."`
	Change  adminChange  `cmd:"" help:"Give an official another role or area."`
	Disable adminDisable `cmd:"" help:"Lock an official out, at once."`
	Enable  adminEnable  `cmd:"" help:"Let a disabled official in again."`
	Reset   adminReset   `cmd:"" help:"Give an official a new password and TOTP secret, or with --console a set-up link."`
	List    adminList    `cmd:"" help:"List the officials."`
}

type opener func(ctx context.Context, address string) (store.Engine, error)

// with opens the store for one administration step; servers may go on beside it.
func (c *adminCommand) with(ctx context.Context, open opener, do func(*auth.Officials) error) error {
	if err := settingsError(c.storeConfig.problems()); err != nil {
		return err
	}
	keys, err := c.keys()
	if err != nil {
		return err
	}
	engine, err := open(ctx, c.Store)
	if err != nil {
		return err
	}
	defer engine.Close(context.WithoutCancel(ctx))
	a, err := assemble(ctx, parts{engine: engine, keys: keys, now: time.Now, log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	return do(a.officials)
}

type adminAdd struct {
	Login string      `required:"" help:"What the official signs in with: a-z, 0-9, dot, dash, underscore."`
	Name  string      `required:"" help:"The official's name."`
	Role  models.Role `required:"" enum:"viewer,officer,province_manager,national_manager,auditor" help:"viewer, officer, province_manager, national_manager or auditor."`
	Area  models.Area `required:"" help:"VN, a 2-digit province or a 5-digit commune."`
	asLink
}

// Run adds.
func (c *adminAdd) Run(ctx context.Context, all *commands) error {
	return all.Admin.with(ctx, openOrMake, func(officials *auth.Officials) error {
		official := auth.NewOfficial{Login: c.Login, Name: c.Name, Role: c.Role, Area: c.Area}
		if c.Console != nil {
			return c.print(officials.Operator().Invite(ctx, official))
		}
		return printCredentials(officials.Add(ctx, official))
	})
}

// asLink is how an official may get credentials: by a link of the console, where the official chooses the password.
type asLink struct {
	Console *url.URL `placeholder:"https://HOST" help:"The console's address: print a set-up link there, good once and for 24 hours, instead of a password and TOTP secret."`
}

// Validate refuses an address that a link could not begin with, before anything is made.
func (c asLink) Validate() error {
	if c.Console != nil && (c.Console.Host == "" || c.Console.Scheme != "https" && c.Console.Scheme != "http") {
		return fmt.Errorf("--console is an address such as https://khaibao.example, not %q", c.Console)
	}
	return nil
}

func (c asLink) print(link auth.Invitation, err error) error {
	if err == nil {
		fmt.Printf("login  %s\nlink   %s\nuntil  %s\nIt is shown only now. Hand it over in person.\n",
			link.Official.Login, c.Console.JoinPath(console.SetUpPath(link)), link.Until.In(models.Hanoi).Format(time.DateTime))
	}
	return err
}

func printCredentials(c auth.Credentials, err error) error {
	if err != nil {
		return err
	}
	fmt.Printf("login     %s\npassword  %s\nTOTP      %s\n          %s\nThey are shown only now. Hand them over in person.\n",
		c.Official.Login, c.Password, c.TOTPSecret, c.URL)
	return nil
}

type adminChange struct {
	Login string      `arg:"" help:"The official's login."`
	Role  models.Role `required:"" enum:"viewer,officer,province_manager,national_manager,auditor" help:"The new role."`
	Area  models.Area `required:"" help:"The new area: VN, a 2-digit province or a 5-digit commune."`
}

// Run changes; it counts from the official's next request on.
func (c *adminChange) Run(ctx context.Context, all *commands) error {
	return all.Admin.with(ctx, openBeside, func(officials *auth.Officials) error {
		return officials.Operator().Change(ctx, c.Login, c.Role, c.Area)
	})
}

type adminDisable struct {
	Login string `arg:"" help:"The official's login."`
}

// Run disables.
func (c *adminDisable) Run(ctx context.Context, all *commands) error {
	return all.Admin.with(ctx, openBeside, func(officials *auth.Officials) error { return officials.Operator().Disable(ctx, c.Login) })
}

type adminEnable struct {
	Login string `arg:"" help:"The official's login."`
}

// Run enables.
func (c *adminEnable) Run(ctx context.Context, all *commands) error {
	return all.Admin.with(ctx, openBeside, func(officials *auth.Officials) error { return officials.Operator().Enable(ctx, c.Login) })
}

type adminReset struct {
	Login string `arg:"" help:"The official's login."`
	asLink
}

// Run resets.
func (c *adminReset) Run(ctx context.Context, all *commands) error {
	return all.Admin.with(ctx, openBeside, func(officials *auth.Officials) error {
		if c.Console != nil {
			return c.print(officials.Operator().InviteAgain(ctx, c.Login))
		}
		return printCredentials(officials.ResetCredentials(ctx, c.Login))
	})
}

type adminList struct{}

// Run lists.
func (c *adminList) Run(ctx context.Context, all *commands) error {
	return all.Admin.with(ctx, openBeside, func(officials *auth.Officials) error {
		list, err := officials.List(ctx)
		if err != nil {
			return err
		}
		out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(out, "LOGIN\tROLE\tAREA\tNAME\tDISABLED")
		for _, o := range list {
			disabled := ""
			if o.Disabled() {
				disabled = o.DisabledAt.Format(time.DateOnly)
			}
			fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\n", o.Login, o.Role, o.Area, o.Name, disabled)
		}
		return out.Flush()
	})
}
