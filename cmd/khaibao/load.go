package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"text/tabwriter"
	"time"

	"khaibao/internal/seal"
	"khaibao/internal/store"
	"khaibao/models"
)

type loadCommand struct {
	Store       string `help:"An empty store to measure: mongodb://... or sqlite:DIR. What the load leaves in it nobody can read. Without it, a temporary SQLite directory." placeholder:"URL"`
	Connections []int  `help:"How many connections declare at the same time, one round each." default:"16,64"`
	Seconds     int    `help:"How long a round lasts." default:"10"`
	Households  int    `help:"How many households declare." default:"1000"`
	Officials   int    `help:"How many page views of officials are made a second, instead of declarations."`
	Cases       int    `help:"How many cases the store holds beforehand."`
	Declared    int    `name:"declarations" help:"How many declarations it holds beforehand."`
	Keys        string `help:"A file for the keys, made at need: with it a store that a load has filled can be measured again." placeholder:"FILE"`
	USSD        int    `name:"ussd" help:"How many steps of USSD sessions a second are made beside them." default:"0"`

	out io.Writer // standard output when nil
}

// The bounds of a load: a round must not outlive the access tokens, sign-ins have a budget.
const (
	maxLoadSeconds     = 300
	maxLoadHouseholds  = 2000
	maxLoadConnections = 1024
	maxLoadUSSD        = 5000
	maxLoadCases       = 5_000_000
	maxLoadDeclared    = 100_000_000
	maxLoadViews       = 5000
	minLoadCases       = 1000
)

func (c *loadCommand) problems() []string {
	var out []string
	for _, n := range c.Connections {
		if n < 1 || n > maxLoadConnections {
			out = append(out, fmt.Sprintf("--connections must be 1 to %d", maxLoadConnections))
		}
	}
	if c.Seconds < 1 || c.Seconds*len(c.Connections) > maxLoadSeconds {
		out = append(out, fmt.Sprintf("--seconds must be at least 1, and at most %d for all rounds together", maxLoadSeconds))
	}
	if c.Households < 1 || c.Households > maxLoadHouseholds {
		out = append(out, fmt.Sprintf("--households must be 1 to %d", maxLoadHouseholds))
	}
	if c.Cases < 0 || c.Cases > maxLoadCases {
		out = append(out, fmt.Sprintf("--cases must be 0 to %d", maxLoadCases))
	}
	if c.Declared < 0 || c.Declared > maxLoadDeclared || (c.Declared > 0 && c.Cases == 0) {
		out = append(out, fmt.Sprintf("--declarations must be 0 to %d, and goes with --cases", maxLoadDeclared))
	}
	if c.Officials < 0 || c.Officials > maxLoadViews || (c.Officials > 0 && c.Cases < minLoadCases) {
		out = append(out, fmt.Sprintf("--officials must be 0 to %d, and goes with --cases %d or more", maxLoadViews, minLoadCases))
	}
	if c.USSD < 0 || c.USSD > maxLoadUSSD {
		out = append(out, fmt.Sprintf("--ussd must be 0 to %d", maxLoadUSSD))
	}
	return out
}

// Run measures one round after the other and prints what it found.
func (c *loadCommand) Run(ctx context.Context) (err error) {
	if err := settingsError(c.problems()); err != nil {
		return err
	}
	if c.out == nil {
		c.out = os.Stdout
	}
	address := c.Store
	if address == "" {
		dir, err := os.MkdirTemp("", "khaibao-load-")
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
		address = "sqlite:" + dir
	}
	engine, err := openEngine(ctx, address)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, engine.Close(context.WithoutCancel(ctx))) }()
	return c.measure(ctx, engine)
}

func (c *loadCommand) measure(ctx context.Context, engine store.Engine) (err error) {
	keys, filled, err := loadKeys(ctx, engine, c.Keys)
	if err != nil {
		return err
	}
	site, err := newLoadSite(ctx, engine, keys)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, site.close()) }()
	o := newOutbreak(site.app, c.Cases, c.Declared)
	if c.Cases > 0 && !filled {
		begun := time.Now()
		if err := o.enter(ctx); err != nil {
			return err
		}
		fmt.Fprintf(c.out, "%d cases and at least %d declarations were made in %.0f s\n", c.Cases, o.declarations, time.Since(begun).Seconds())
	}
	if err := site.serve(ctx); err != nil {
		return err
	}
	if c.Officials > 0 {
		return c.view(ctx, site, o)
	}
	return c.declare(ctx, site)
}

// view lets officials look at pages.
func (c *loadCommand) view(ctx context.Context, site *loadSite, o *outbreak) error {
	officials, err := site.signOfficialsIn(ctx, o)
	if err != nil {
		return fmt.Errorf("signing officials in: %w", err)
	}
	fmt.Fprintf(c.out, "%d officials look at pages\n", len(officials))
	return viewFor(ctx, site.url, officials, c.Officials, time.Duration(c.Seconds)*time.Second).print(c.out)
}

// declare lets households declare, one round after the other.
func (c *loadCommand) declare(ctx context.Context, site *loadSite) error {
	if err := site.enterAll(ctx, c.Households); err != nil {
		return err
	}
	fmt.Fprintf(c.out, "%d households declare over HTTP; one in %d of them is flagged\n", c.Households, flaggedOneIn)
	table := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "connections\trequests/s\tp50 ms\tp99 ms\terrors\towed at the end\tcarried out in s\teffects/s\tsustained/s\t")
	for _, n := range c.Connections {
		round, err := site.round(ctx, n, time.Duration(c.Seconds)*time.Second, c.USSD)
		if err != nil {
			return err
		}
		fmt.Fprintln(table, round)
		if c.USSD > 0 {
			defer fmt.Fprintf(c.out, "%d connections. %s\n", n, round.USSD)
		}
		if round.USSD.Failed > 0 {
			defer fmt.Fprintf(c.out, "the first failure of USSD beside %d connections: %s\n", n, round.USSD.Why)
		}
		if round.Failed > 0 {
			defer fmt.Fprintf(c.out, "the first failure of %d connections: %s\n", n, round.Why)
		}
	}
	return table.Flush()
}

// loadKeys gives the keys of a file, made at need, or new ones without a file. filled tells that an earlier load with this
// file has filled the store; one that was used without is refused.
func loadKeys(ctx context.Context, engine store.Engine, file string) (keys *seal.Keys, filled bool, err error) {
	if _, statErr := os.Stat(file); file != "" && statErr == nil {
		keys, err = seal.ReadFile(file)
		if err != nil {
			return nil, false, naming("--keys", err)
		}
		s, err := store.Open(ctx, engine, keys)
		if err != nil {
			return nil, false, err
		}
		_, err = s.Official(ctx, nationalLogin(0)) // its secret opens with the right keys only
		if models.NotFound.Is(err) {
			return keys, false, refuseUsed(ctx, engine, keys)
		}
		return keys, true, err
	}
	if keys, err = seal.Generate(); err != nil {
		return nil, false, err
	}
	if err := refuseUsed(ctx, engine, keys); err != nil || file == "" {
		return keys, false, err
	}
	return keys, false, keys.CreateFile(file)
}

// refuseUsed keeps a load away from a store with people in it.
func refuseUsed(ctx context.Context, engine store.Engine, keys *seal.Keys) error {
	s, err := store.Open(ctx, engine, keys)
	if err != nil {
		return err
	}
	n, err := s.Households(ctx)
	if err == nil && n > 0 {
		err = fmt.Errorf("--store (KHAIBAO_LOAD_STORE): the store holds %d accounts; a load wants an empty one", n)
	}
	return err
}

// loadRound is what one round found. Owed are the declarations whose case, message and count were still to come when the
// last answer was in; Drained is how long those took.
type loadRound struct {
	Connections int
	attack
	USSD    ussdLoad
	Owed    int64
	Drained time.Duration
}

// sustained is the rate at which declarations are taken and all that follows from them is carried out.
func (r loadRound) sustained() float64 {
	return float64(r.Accepted) / (r.Took + r.Drained).Seconds()
}

// String gives the round as a line of the table.
func (r loadRound) String() string {
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	effects := "-"
	if r.Drained > 0 {
		effects = fmt.Sprintf("%.0f", float64(r.Owed)/r.Drained.Seconds())
	}
	return fmt.Sprintf("%d\t%.0f\t%.2f\t%.2f\t%d\t%d\t%.1f\t%s\t%.0f\t",
		r.Connections, r.rate(), ms(r.P50), ms(r.P99), r.Failed, r.Owed, r.Drained.Seconds(), effects, r.sustained())
}

// round lets the households declare for a while, and callers beside them, and then waits until all that follows is carried
// out.
func (s *loadSite) round(ctx context.Context, connections int, length time.Duration, ussd int) (loadRound, error) {
	r := loadRound{Connections: connections}
	var both sync.WaitGroup
	both.Go(func() { r.attack = declareFor(ctx, s.url, s.citizens, connections, length) })
	if s.rounds++; ussd > 0 {
		both.Go(func() { r.USSD = dialFor(ctx, s.channels, s.app.gateways.Secrets[0], ussd, length, s.rounds) })
	}
	both.Wait()
	ended := time.Now()
	var err error
	if r.Owed, err = s.app.store.Backlog(ctx, models.FormDeclaration); err != nil || r.Owed == 0 {
		return r, err
	}
	for {
		owing, err := s.app.store.PendingDeclarations(ctx, models.FormDeclaration, 1)
		if err != nil || len(owing) == 0 {
			r.Drained = time.Since(ended)
			return r, err
		}
		select {
		case <-ctx.Done():
			return r, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}
