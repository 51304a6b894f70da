package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"
	"time"

	"golang.org/x/sync/errgroup"

	"khaibao/internal/auth"
	"khaibao/internal/doubles"
	"khaibao/internal/intake"
	"khaibao/internal/seal"
	"khaibao/internal/sms"
	"khaibao/internal/store"
	"khaibao/internal/store/mongo"
	"khaibao/models"
	"khaibao/push"
)

type demoCommand struct {
	Addr     string `help:"Where to serve; loopback only." default:"127.0.0.1:8080"`
	Data     string `help:"Where the demo keeps its keys and data." default:"${demo_dir}" type:"path" placeholder:"DIR"`
	Fresh    bool   `help:"Start again from nothing. Only what a demo made is removed."`
	Store    string `help:"Another store than the embedded one: mongodb://..." placeholder:"URL"`
	Programs string `help:"A directory with more programs, laid out as <id>/<version>.yaml." type:"path" placeholder:"DIR"`

	out io.Writer // where it says what is where; standard output when nil
}

// demoFile is demo.json: where everything is, for tools.
type demoFile struct {
	BaseURL    string         `json:"base_url"`
	HandsetURL string         `json:"handset_url"`
	ConsoleURL string         `json:"console_url"` // empty until the console is there
	Officials  []demoOfficial `json:"officials"`
	// SeedStart is the newest day of the synthetic history; a restart enters the same.
	SeedStart time.Time `json:"seed_start"`
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

// demoCommunes is where most of the synthetic people live.
var demoCommunes = []string{"06325", "05977", "05983", "05986", "06001", "06004"}

// Run serves the demo until ctx ends.
func (c *demoCommand) Run(ctx context.Context) error {
	if !isLoopback(c.Addr) {
		return errors.New("--addr (KHAIBAO_ADDR): a demo listens on loopback only, such as 127.0.0.1:8080")
	}
	if problems := programsProblems(c.Programs); problems != nil {
		return settingsError(problems)
	}
	if c.out == nil {
		c.out = os.Stdout
	}
	d := &demo{settings: c}
	defer d.close()
	if err := d.open(ctx); err != nil {
		return err
	}
	return d.serve(ctx)
}

// demo is a running demo. What it opened is closed in reverse order.
type demo struct {
	settings *demoCommand
	app      *app
	pages    demoPages
	file     demoFile
	listener net.Listener
	closers  []func() error
}

func (d *demo) close() {
	for i := len(d.closers) - 1; i >= 0; i-- {
		if err := d.closers[i](); err != nil && !errors.Is(err, net.ErrClosed) {
			fmt.Fprintln(os.Stderr, "khaibao:", err)
		}
	}
}

// open makes or reopens everything and listens.
func (d *demo) open(ctx context.Context) error {
	c := d.settings
	if err := c.prepareDir(); err != nil {
		return err
	}
	d.pages.clock = newDemoClock(filepath.Join(c.Data, "clock.json"))
	p := parts{
		now: d.pages.clock.Now, programs: programSources(c.Programs), oneAddress: true, argon: auth.DefaultArgon2(),
		log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
		otp: budgetConfig{OTPPerPhoneHour: 100, OTPPerPhoneDay: 1000, OTPPerAddressHour: 100, OTPPerDay: 10000},
	}
	var err error
	if p.keys, err = demoKeys(filepath.Join(c.Data, "keys.json")); err != nil {
		return err
	}
	if err := d.doubles(ctx, &p); err != nil {
		return err
	}
	if p.engine, err = c.engine(ctx); err != nil {
		return err
	}
	d.closers = append(d.closers, func() error { return p.engine.Close(context.Background()) })
	if d.app, err = assemble(ctx, p); err != nil {
		return err
	}
	d.pages.store = d.app.store
	if d.listener, err = net.Listen("tcp", c.Addr); err != nil {
		return err
	}
	d.closers = append(d.closers, d.listener.Close)
	return d.describe(ctx)
}

// demoMark lies in a directory that a demo made, so that --fresh removes nothing else.
const demoMark = "khaibao-demo"

// prepareDir makes the directory or, with --fresh, makes it anew.
func (c *demoCommand) prepareDir() error {
	mark := filepath.Join(c.Data, demoMark)
	entries, err := os.ReadDir(c.Data)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if _, err := os.Stat(mark); err != nil && len(entries) > 0 {
		return fmt.Errorf("%s holds something that is not a demo's; give another --data", c.Data)
	}
	if c.Fresh {
		for _, made := range []string{"store", "demo.json", "clock.json"} { // the keys stay: another store may need them
			if err := os.RemoveAll(filepath.Join(c.Data, made)); err != nil {
				return err
			}
		}
	}
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return err
	}
	return os.WriteFile(mark, []byte("Made by khaibao demo; --fresh may remove what is here.\n"), 0o600)
}

func demoKeys(file string) (*seal.Keys, error) {
	keys, err := seal.ReadFile(file)
	if !errors.Is(err, fs.ErrNotExist) {
		return keys, err
	}
	if keys, err = seal.Generate(); err != nil {
		return nil, err
	}
	return keys, keys.CreateFile(file)
}

// engine opens the demo's store. A MongoDB database that no demo made is refused, whatever is in it.
func (c *demoCommand) engine(ctx context.Context) (store.Engine, error) {
	if c.Store == "" {
		return openEngine(ctx, "sqlite:"+filepath.Join(c.Data, "store"))
	}
	engine, err := openEngine(ctx, c.Store)
	wire, ok := engine.(*mongo.Engine)
	if err != nil || !ok {
		return engine, err
	}
	if err := c.claimDatabase(ctx, wire); err != nil {
		return nil, errors.Join(err, wire.Close(ctx))
	}
	return wire, nil
}

// claimDatabase makes sure that a database is a demo's, and empties it for --fresh. A demo's has a collection that says so.
func (c *demoCommand) claimDatabase(ctx context.Context, wire *mongo.Engine) error {
	names, err := wire.Collections(ctx)
	if err != nil {
		return err
	}
	if len(names) > 0 && !slices.Contains(names, demoMark) {
		return errors.New("--store (KHAIBAO_STORE): the database holds something that is not a demo's; name another one")
	}
	if c.Fresh && len(names) > 0 {
		if err := wire.Drop(ctx); err != nil {
			return err
		}
	}
	return wire.Ensure(ctx, []store.Collection{{Name: demoMark}})
}

// doubles starts what stands in for Firebase and the SMS gateway, and the product's own senders to them.
func (d *demo) doubles(ctx context.Context, p *parts) error {
	password := rand.Text()
	var err error
	if d.pages.fcm, err = doubles.NewFCM(p.now); err != nil {
		return err
	}
	d.closers = append(d.closers, d.pages.fcm.Close)
	if d.pages.smsc, err = doubles.NewSMSC("demo", password, p.now); err != nil {
		return err
	}
	d.closers = append(d.closers, d.pages.smsc.Close)
	if p.pushes, err = push.NewFCM(ctx, push.FCMConfig{Project: "khaibao-demo", Endpoint: d.pages.fcm.Endpoint()}); err != nil {
		return err
	}
	p.sms, err = sms.NewKannel(sms.KannelConfig{URL: d.pages.smsc.SendURL(), Username: "demo", Password: password, From: "KHAIBAO"})
	return err
}

// describe makes the officials that are missing and writes demo.json.
func (d *demo) describe(ctx context.Context) error {
	path := filepath.Join(d.settings.Data, "demo.json")
	if text, err := os.ReadFile(path); err == nil {
		if err := json.Unmarshal(text, &d.file); err != nil {
			return fmt.Errorf("%s: %w; --fresh makes it anew", path, err)
		}
	}
	base := "http://" + d.listener.Addr().String()
	d.file.BaseURL, d.file.HandsetURL = base, base+"/demo"
	if d.file.SeedStart.IsZero() {
		d.file.SeedStart = d.pages.clock.Now().UTC().Truncate(time.Second)
	}
	for _, o := range demoOfficials {
		if slices.ContainsFunc(d.file.Officials, func(known demoOfficial) bool { return known.Login == o.login }) {
			continue
		}
		made, err := d.app.officials.Add(ctx, auth.NewOfficial{Login: o.login, Name: o.name, Role: o.role, Area: o.area})
		if models.Conflict.Is(err) { // the store has it, demo.json is lost
			made, err = d.app.officials.ResetCredentials(ctx, o.login)
		}
		if err != nil {
			return fmt.Errorf("making official %s: %w", o.login, err)
		}
		d.file.Officials = append(d.file.Officials, demoOfficial{o.login, made.Password, made.TOTPSecret, o.role, o.area})
	}
	text, err := json.MarshalIndent(d.file, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o600)
}

// serve says where everything is, and enters the people while it already serves.
func (d *demo) serve(ctx context.Context) error {
	mux := http.NewServeMux()
	mux.Handle("/", d.app.api)
	d.pages.mount(mux)
	d.announce()
	work := func(ctx context.Context) error {
		group, ctx := errgroup.WithContext(ctx)
		group.Go(func() error { return d.app.work(ctx) })
		group.Go(func() error { return d.seed(ctx) })
		return group.Wait()
	}
	return serveSites(ctx, d.app.log, work, site{name: "the demo", listener: d.listener, handler: mux})
}

func (d *demo) announce() {
	out := d.settings.out
	fmt.Fprintf(out, "Khai Báo demo: synthetic people, this machine only\n  API       %s        reference at %s/docs\n  handset   %s\n  data      %s (demo.json has all of this)\n\n",
		d.file.BaseURL, d.file.BaseURL, d.file.HandsetURL, d.settings.Data)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "official\trole\tarea\tpassword\tTOTP secret")
	for _, o := range d.file.Officials {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", o.Login, o.Role, o.Area, o.Password, o.TOTPSecret)
	}
	table.Flush()
	fmt.Fprintln(out)
}

// seed enters the synthetic people and shows how far it is.
func (d *demo) seed(ctx context.Context) error {
	s := &seeder{
		claim: d.app.store.ClaimPhone, programs: d.app.catalog, areas: d.app.areas, communes: demoCommunes, start: d.file.SeedStart,
		intake: func(now func() time.Time) *intake.Service {
			return intake.New(intake.Config{Store: d.app.store, Programs: d.app.catalog, Areas: d.app.areas, Now: now})
		},
	}
	shown := make(chan struct{})
	progress, stop := context.WithCancel(ctx)
	go func() {
		defer close(shown)
		tick := time.NewTicker(2 * time.Second)
		defer tick.Stop()
		for {
			select {
			case <-progress.Done():
				return
			case <-tick.C:
				fmt.Fprintf(d.settings.out, "  %d of %d households entered\n", s.done.Load(), seedHouseholds)
			}
		}
	}()
	began := time.Now()
	err := s.run(ctx)
	stop()
	<-shown
	d.app.effects.Wake()
	if ctx.Err() != nil {
		return nil // stopped on the way; the next start goes on
	}
	if err == nil {
		fmt.Fprintf(d.settings.out, "  all %d households are entered (%.1f s); their cases follow\n", seedHouseholds, time.Since(began).Seconds())
	}
	return err
}
