package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"text/tabwriter"
	"time"

	"khaibao/internal/auth"
	"khaibao/internal/store"
	"khaibao/models"
)

type adminCommand struct {
	storeConfig
	Add     adminAdd     `cmd:"" help:"Add an official and print the password and TOTP secret, once."`
	Change  adminChange  `cmd:"" help:"Give an official another role or area."`
	Disable adminDisable `cmd:"" help:"Lock an official out, at once."`
	Enable  adminEnable  `cmd:"" help:"Let a disabled official in again."`
	Reset   adminReset   `cmd:"" help:"Give an official a new password and TOTP secret."`
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
}

// Run adds.
func (c *adminAdd) Run(ctx context.Context, all *commands) error {
	return all.Admin.with(ctx, openOrMake, func(officials *auth.Officials) error {
		made, err := officials.Add(ctx, auth.NewOfficial{Login: c.Login, Name: c.Name, Role: c.Role, Area: c.Area})
		if err == nil {
			printCredentials(made)
		}
		return err
	})
}

func printCredentials(c auth.Credentials) {
	fmt.Printf("login     %s\npassword  %s\nTOTP      %s\n          %s\nThey are shown only now. Hand them over in person.\n",
		c.Official.Login, c.Password, c.TOTPSecret, c.URL)
}

type adminChange struct {
	Login string      `arg:"" help:"The official's login."`
	Role  models.Role `required:"" enum:"viewer,officer,province_manager,national_manager,auditor" help:"The new role."`
	Area  models.Area `required:"" help:"The new area: VN, a 2-digit province or a 5-digit commune."`
}

// Run changes; it counts from the official's next request on.
func (c *adminChange) Run(ctx context.Context, all *commands) error {
	return all.Admin.with(ctx, openBeside, func(officials *auth.Officials) error { return officials.Change(ctx, c.Login, c.Role, c.Area) })
}

type adminDisable struct {
	Login string `arg:"" help:"The official's login."`
}

// Run disables.
func (c *adminDisable) Run(ctx context.Context, all *commands) error {
	return all.Admin.with(ctx, openBeside, func(officials *auth.Officials) error { return officials.Disable(ctx, c.Login) })
}

type adminEnable struct {
	Login string `arg:"" help:"The official's login."`
}

// Run enables.
func (c *adminEnable) Run(ctx context.Context, all *commands) error {
	return all.Admin.with(ctx, openBeside, func(officials *auth.Officials) error { return officials.Enable(ctx, c.Login) })
}

type adminReset struct {
	Login string `arg:"" help:"The official's login."`
}

// Run resets.
func (c *adminReset) Run(ctx context.Context, all *commands) error {
	return all.Admin.with(ctx, openBeside, func(officials *auth.Officials) error {
		made, err := officials.ResetCredentials(ctx, c.Login)
		if err == nil {
			printCredentials(made)
		}
		return err
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
