package main

import (
	"context"
	"crypto/rand"
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
	"syscall"
	"text/tabwriter"
	"time"

	"golang.org/x/sync/errgroup"

	"khaibao/handlers"
	"khaibao/internal/auth"
	"khaibao/internal/dialogue"
	"khaibao/internal/doubles"
	"khaibao/internal/intake"
	"khaibao/internal/seal"
	"khaibao/internal/sms"
	"khaibao/internal/store"
	"khaibao/internal/store/mongo"
	"khaibao/push/fcm"
)

type demoCommand struct {
	Addr     string `help:"Where to serve; loopback only." default:"127.0.0.1:8080"`
	Data     string `help:"Where the demo keeps its keys and data." default:"${demo_dir}" type:"path" placeholder:"DIR"`
	Fresh    bool   `help:"Start again from nothing. Only what a demo made is removed."`
	Store    string `help:"Another store than the embedded one: mongodb://..." placeholder:"URL"`
	Programs string `help:"A directory with more programs, laid out as <id>/<version>.yaml." type:"path" placeholder:"DIR"`

	out        io.Writer // where it says what is where; standard output when nil
	households int       // how many are entered; seedHouseholds when 0
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
	if c.households == 0 {
		c.households = seedHouseholds
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
	state    demoState
	listener net.Listener
	channels net.Listener // where the gateways of the mobile networks call
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
	release, err := c.prepareDir()
	if err != nil {
		return err
	}
	d.closers = append(d.closers, release)
	d.pages.clock = newDemoClock(filepath.Join(c.Data, "clock.json"))
	p := parts{
		now: d.pages.clock.Now, programs: programSources(c.Programs), oneAddress: true, plainHTTP: true,
		perDay: 100, noQuiet: true, // a developer's day has more declarations, and nights elsewhere
		log:      slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
		otp:      budgetConfig{OTPPerPhoneHour: 100, OTPPerPhoneDay: 1000, OTPPerAddressHour: 100, OTPPerDay: 10000},
		logins:   auth.LoginBudgets{PerLoginHour: 100, PerAddressHour: 300},
		gateways: &handlers.Gateways{Secrets: []string{rand.Text()}},
		turns:    dialogue.TurnBudgets{SMSHour: 10000, SMSDay: 10000, USSDHour: 10000},
	}
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
	d.pages.store, d.pages.hour = d.app.store, d.hour
	if d.listener, err = net.Listen("tcp", c.Addr); err != nil {
		return err
	}
	d.closers = append(d.closers, d.listener.Close)
	if d.channels, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return err
	}
	d.closers = append(d.closers, d.channels.Close)
	d.pages.gateway = &demoGateway{
		url: "http://" + d.channels.Addr().String(), secret: p.gateways.Secrets[0], smsc: d.pages.smsc, now: p.now, screens: map[string][]received{},
	}
	return d.describe(ctx)
}

// demoMark lies in a directory that a demo made, so that --fresh removes nothing else. A running demo holds it locked.
const demoMark = "khaibao-demo"

// prepareDir makes the directory, takes it for this process and, with --fresh, empties it.
func (c *demoCommand) prepareDir() (release func() error, err error) {
	mark := filepath.Join(c.Data, demoMark)
	entries, err := os.ReadDir(c.Data)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if _, err := os.Stat(mark); err != nil && len(entries) > 0 {
		return nil, fmt.Errorf("--data (KHAIBAO_DATA): %s holds something that is not a demo's; name another directory", c.Data)
	}
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(mark, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil { // the kernel gives it back, however we end
		return nil, errors.Join(fmt.Errorf("--data (KHAIBAO_DATA): another demo runs on %s; stop it or name another directory", c.Data), file.Close())
	}
	if !c.Fresh {
		return file.Close, nil
	}
	for _, made := range []string{"store", "demo.json", "clock.json", c.stateFile()} { // the keys stay: another store may need them
		if err := os.RemoveAll(filepath.Join(c.Data, made)); err != nil {
			return nil, errors.Join(err, file.Close())
		}
	}
	return file.Close, nil
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
	if p.pushes, err = fcm.New(ctx, fcm.Config{Project: "khaibao-demo", Endpoint: d.pages.fcm.Endpoint()}); err != nil {
		return err
	}
	p.sms, err = sms.NewKannel(sms.KannelConfig{URL: d.pages.smsc.SendURL(), Username: "demo", Password: password, From: "KHAIBAO"})
	return err
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
	return serveSites(ctx, d.app.log, work, site{name: "the demo", listener: d.listener, handler: mux}, site{name: "the gateways", listener: d.channels, handler: d.app.channels})
}

func (d *demo) announce() {
	out := d.settings.out
	fmt.Fprintf(out, "Khai Báo demo: synthetic people, this machine only\n  API       %s        reference at %s/docs\n  console   %s        officials sign in with what stands below\n  handset   %s\n  data      %s (demo.json has all of this)\n\n",
		d.file.BaseURL, d.file.BaseURL, d.file.ConsoleURL, d.file.HandsetURL, d.settings.Data)
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
		claim: d.app.store.ClaimPhone, programs: d.app.catalog, areas: d.app.areas, communes: demoCommunes, start: d.state.SeedStart, households: d.settings.households,
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
				fmt.Fprintf(d.settings.out, "  %d of %d households entered\n", s.done.Load(), d.settings.households)
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
		fmt.Fprintf(d.settings.out, "  all %d households are entered (%.1f s); their cases follow\n", d.settings.households, time.Since(began).Seconds())
	}
	return err
}
