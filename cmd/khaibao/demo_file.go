package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"khaibao/internal/auth"
	"khaibao/models"
)

// demoFile is demo.json: where everything is, for tools.
type demoFile struct {
	BaseURL    string         `json:"base_url"`
	HandsetURL string         `json:"handset_url"`
	ConsoleURL string         `json:"console_url"`
	Officials  []demoOfficial `json:"officials"`
}

type demoOfficial struct {
	Login      string      `json:"login"`
	Password   string      `json:"password"`
	TOTPSecret string      `json:"totp_secret"`
	Role       models.Role `json:"role"`
	Area       models.Area `json:"area"`
}

// The demo's officials: two officers of different communes of one province, its manager, and the national roles.
var demoOfficials = []struct {
	login, name string
	role        models.Role
	area        models.Area
}{
	{"bacson", "Nông Thị Bắc", models.Officer, "06325"},
	{"dongkinh", "Lý Văn Đông", models.Officer, "05977"},
	{"langson", "Hoàng Thị Lạng", models.ProvinceManager, "20"},
	{"national", "Trần Văn Quốc", models.NationalManager, models.Nation},
	{"viewer", "Lê Thị Xem", models.Viewer, models.Nation},
	{"auditor", "Phạm Văn Soát", models.Auditor, models.Nation},
}

// demoState is what a demo must remember of one store from start to start. The same directory serves several stores.
type demoState struct {
	Officials []demoOfficial `json:"officials"`
	// SeedStart is the newest day of the synthetic history; a restart enters the same.
	SeedStart time.Time `json:"seed_start"`
}

// stateFile names the file of the store's state; an address may hold a password, so its digest stands for it.
func (c *demoCommand) stateFile() string {
	if c.Store == "" {
		return "state.json"
	}
	return fmt.Sprintf("state-%.8x.json", sha256.Sum256([]byte(c.Store)))
}

// describe makes the officials that are missing and writes demo.json.
func (d *demo) describe(ctx context.Context) error {
	path := filepath.Join(d.settings.Data, d.settings.stateFile())
	if err := d.readState(path); err != nil {
		return err
	}
	if err := d.appoint(ctx); err != nil {
		return err
	}
	if err := writeJSON(path, d.state); err != nil {
		return err
	}
	base := "http://" + d.listener.Addr().String()
	d.file = demoFile{BaseURL: base, HandsetURL: base + "/demo", ConsoleURL: base + "/console", Officials: d.state.Officials}
	return writeJSON(filepath.Join(d.settings.Data, "demo.json"), d.file)
}

func (d *demo) readState(path string) error {
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		d.state.SeedStart = d.pages.clock.Now().UTC().Truncate(time.Second)
		return nil
	case err != nil:
		return err
	}
	if err := json.Unmarshal(text, &d.state); err != nil {
		return fmt.Errorf("%s: %w; --fresh makes it anew", path, err)
	}
	return nil
}

// appoint makes the officials whose credentials are not known or whom the store does not have.
func (d *demo) appoint(ctx context.Context) error {
	there, err := d.app.officials.List(ctx)
	if err != nil {
		return err
	}
	known := d.state.Officials
	d.state.Officials = nil
	for _, o := range demoOfficials {
		stored := slices.ContainsFunc(there, func(s models.Official) bool { return s.Login == o.login })
		i := slices.IndexFunc(known, func(k demoOfficial) bool { return k.Login == o.login })
		if stored && i >= 0 {
			d.state.Officials = append(d.state.Officials, known[i])
			continue
		}
		made, err := d.credentials(ctx, stored, auth.NewOfficial{Login: o.login, Name: o.name, Role: o.role, Area: o.area})
		if err != nil {
			return fmt.Errorf("making official %s: %w", o.login, err)
		}
		d.state.Officials = append(d.state.Officials, demoOfficial{o.login, made.Password, made.TOTPSecret, o.role, o.area})
	}
	return nil
}

func (d *demo) credentials(ctx context.Context, stored bool, o auth.NewOfficial) (auth.Credentials, error) {
	if stored { // but what we knew of them is lost
		return d.app.officials.ResetCredentials(ctx, o.Login)
	}
	return d.app.officials.Add(ctx, o)
}

// writeJSON writes a file that only its owner can read, in one step.
func writeJSON(path string, content any) error {
	text, err := json.MarshalIndent(content, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", append(text, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
