package main

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"time"

	"golang.org/x/sync/errgroup"

	"khaibao/internal/auth"
	"khaibao/internal/cases"
	"khaibao/internal/intake"
	"khaibao/internal/store"
	"khaibao/models"
)

// outbreak is two months of an outbreak: what a load puts into a store to measure it full. Some hundred people are
// declared, flagged and worked on by the use-cases; everybody else is one of them under another name, in another place, at
// another time. The same sizes and the same moment make the same outbreak, but for what is random in every seal and rev.
type outbreak struct {
	app          *app
	cases        int // one a household
	declarations int // at least, those of the cases included
	start        time.Time

	fresh, open, closed, well []store.Household // the people that all others are made after
	places                    []place
	weights                   []float64 // of the places, summed up
}

// place is a commune and how many cases it draws.
type place struct{ province, commune string }

const (
	outbreakDays     = 60
	outbreakPatterns = 400 // people who are declared by the use-cases
	outbreakBatch    = 400 // households in shared round trips
	outbreakWorkers  = 4
	wellDeclarations = 20 // of a household that has no case
	freshFor         = 36 * time.Hour
)

// newOutbreak prepares one of so many cases and declarations.
func newOutbreak(a *app, cases, declarations int) *outbreak {
	o := &outbreak{app: a, cases: cases, declarations: max(declarations, cases), start: a.now()}
	sum := 0.0
	for p, province := range a.areas.Provinces() {
		communes, _ := a.areas.Communes(province.Code)
		for c, commune := range communes {
			// A few places have most of the cases: the first province a fifth, its first commune one in a hundred.
			sum += 1 / (float64(p+1) * math.Sqrt(float64(c+1)))
			o.places, o.weights = append(o.places, place{province.Code, commune.Code}), append(o.weights, sum)
		}
	}
	return o
}

// enter puts the outbreak into the store, with officers in its communes and a manager in every province.
func (o *outbreak) enter(ctx context.Context) error {
	if err := o.officials(ctx); err != nil {
		return fmt.Errorf("adding officials: %w", err)
	}
	if err := o.patterns(ctx); err != nil {
		return fmt.Errorf("declaring: %w", err)
	}
	entering := o.app.store.BeginEntering()
	households := o.cases + (o.declarations-o.cases)/wellDeclarations
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(outbreakWorkers)
	for from := 0; from < households && inner.Err() == nil; from += outbreakBatch {
		group.Go(func() error {
			var batch []store.Household
			for n := from; n < min(from+outbreakBatch, households); n++ {
				batch = append(batch, o.household(n))
			}
			return entering.Enter(inner, batch)
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return entering.Finish(ctx)
}

// The logins of an outbreak's officials.
func nationalLogin(n int) string           { return fmt.Sprintf("tw.%d", n) }
func provinceLogin(province string) string { return "tinh." + province }
func communeLogin(commune string) string   { return "xa." + commune }

const (
	nationalOfficials = 2
	casesPerOfficer   = 50                     // a full store has an officer in every commune, a small one in the busiest
	loadPassword      = "mat-khau-cua-phep-do" // of officials that exist in a load's store only
)

func (o *outbreak) officials(ctx context.Context) error {
	var all []auth.NewOfficial
	for n := range nationalOfficials {
		all = append(all, auth.NewOfficial{Login: nationalLogin(n), Role: models.NationalManager, Area: models.Nation})
	}
	for _, p := range o.app.areas.Provinces() {
		all = append(all, auth.NewOfficial{Login: provinceLogin(p.Code), Role: models.ProvinceManager, Area: models.Area(p.Code)})
	}
	for _, p := range o.busiest(max(loadCommunes, o.cases/casesPerOfficer)) {
		all = append(all, auth.NewOfficial{Login: communeLogin(p.commune), Role: models.Officer, Area: models.Area(p.commune)})
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(seedWorkers)
	for n, official := range all {
		dice := rand.New(rand.NewPCG(uint64(n), 2))
		official.Name, official.Password = seedName(dice, models.Female), loadPassword
		group.Go(func() error {
			_, err := o.app.officials.Add(ctx, official)
			return err
		})
	}
	return group.Wait()
}

// patterns enters people by the use-cases, lets officials work on their cases, and reads them back.
func (o *outbreak) patterns(ctx context.Context) error {
	for n := range outbreakPatterns {
		if err := o.declare(ctx, n); err != nil {
			return err
		}
	}
	if err := o.app.effects.Drain(ctx); err != nil {
		return err
	}
	if err := o.work(ctx); err != nil {
		return err
	}
	for n := range outbreakPatterns {
		if err := o.read(ctx, n); err != nil {
			return err
		}
	}
	for what, found := range map[string][]store.Household{"new": o.fresh, "open": o.open, "closed": o.closed, "well": o.well} {
		if len(found) == 0 {
			return fmt.Errorf("nobody is %s", what)
		}
	}
	return nil
}

// declare enters person n: ill, with some days of updates, but for every tenth.
func (o *outbreak) declare(ctx context.Context, n int) error {
	dice := rand.New(rand.NewPCG(uint64(n), 3))
	account, err := o.app.store.ClaimPhone(ctx, seedPhone(n))
	if err != nil {
		return err
	}
	days := dice.IntN(3)
	at := o.start.AddDate(0, 0, -days).Add(-time.Hour)
	service := intake.New(intake.Config{Store: o.app.store, Programs: o.app.catalog, Areas: o.app.areas, Now: func() time.Time { return at }})
	citizen := models.Citizen{Account: account, Channel: models.ChannelApp, Lang: models.Vietnamese}
	sex, relation, commune := []models.Sex{models.Female, models.Male}[dice.IntN(2)], models.Self, o.busiest(1)[0].commune
	name, born, nationalID := seedName(dice, sex), seedBirthDate(dice, relation), fmt.Sprintf("0%08d", n)
	id := seedID(at, n, 0, 0)
	if _, _, _, err := service.AddPerson(ctx, citizen, intake.PersonInput{
		ID: id, Name: &name, BirthDate: &born, Sex: &sex, Relationship: &relation, Commune: &commune, NationalID: &nationalID,
	}); err != nil {
		return err
	}
	answers := &seeder{programs: o.app.catalog}
	program, form := seedPrograms[dice.IntN(len(seedPrograms))], models.FormDeclaration
	for day := 0; day <= days; day++ {
		_, _, err := service.Submit(ctx, citizen, intake.Submission{
			Form: form, ID: seedID(at, n, 0, day+1), Program: program, PersonID: id, OccurredAt: at,
			Answers: answers.answers(dice, program, form, at, illness(n%10 != 0, day+1)),
		})
		if err != nil {
			return err
		}
		form, at = models.FormDaily, at.AddDate(0, 0, 1)
	}
	return nil
}

// work lets an officer call, write, assess and close: a third of the cases stays new.
func (o *outbreak) work(ctx context.Context) error {
	at := o.busiest(1)[0].commune
	officer := models.Official{ID: communeLogin(at), Login: communeLogin(at), Role: models.Officer, Area: models.Area(at)}
	found, _, err := o.app.cases.List(ctx, officer, models.CaseFilter{}, "", models.Page{Limit: outbreakPatterns})
	if err != nil {
		return err
	}
	for n := range found {
		id, note, closed := found[n].ID, "Đã gọi điện, hẹn gọi lại buổi chiều.", models.CaseClosed
		if n%3 == 0 {
			continue
		}
		outcome := models.Outcomes()[n%len(models.Outcomes())]
		if _, err := o.app.cases.Contact(ctx, officer, id, nil, cases.ContactInput{Outcome: outcome, Note: note}); err != nil {
			return err
		}
		patch := cases.Patch{Note: &note, Assignee: &officer.Login}
		if n%3 == 2 {
			patch.Status = &closed
		}
		if _, err := o.app.cases.Change(ctx, officer, id, nil, patch); err != nil {
			return err
		}
	}
	return o.app.effects.Drain(ctx)
}

// read puts the household of person n with those of its kind.
func (o *outbreak) read(ctx context.Context, n int) error {
	id, err := o.app.store.AccountOfPhone(ctx, seedPhone(n))
	if err != nil {
		return err
	}
	account, err := o.app.store.Account(ctx, id)
	if err != nil {
		return err
	}
	h := store.Household{Account: *account}
	for _, form := range []models.Form{models.FormDeclaration, models.FormDaily} {
		forms, _, err := o.app.store.Declarations(ctx, id, form, "", models.Page{Limit: outbreakDays})
		if err != nil {
			return err
		}
		h.Forms = append(h.Forms, forms...)
	}
	if h.Messages, _, err = o.app.store.Inbox(ctx, id, models.Page{Limit: outbreakDays}); err != nil {
		return err
	}
	kept, err := o.app.store.CasesOfAccount(ctx, id)
	if err != nil {
		return err
	}
	for _, c := range kept {
		opened, err := o.app.store.Within(models.Nation).Get(ctx, c.ID)
		if err != nil {
			return err
		}
		h.Cases = append(h.Cases, opened.Case)
	}
	switch kind := &o.open; {
	case len(h.Cases) == 0:
		o.well = append(o.well, h)
	case h.Cases[0].Status == models.CaseNew:
		o.fresh = append(o.fresh, h)
	default:
		if h.Cases[0].Status == models.CaseClosed {
			kind = &o.closed
		}
		*kind = append(*kind, h)
	}
	return nil
}

// busiest are the communes with the most cases.
func (o *outbreak) busiest(n int) []place {
	order := make([]int, len(o.places))
	for i := range order {
		order[i] = i
	}
	share := func(i int) float64 {
		if i == 0 {
			return o.weights[0]
		}
		return o.weights[i] - o.weights[i-1]
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(share(b), share(a)) })
	out := make([]place, 0, n)
	for _, i := range order[:min(n, len(order))] {
		out = append(out, o.places[i])
	}
	return out
}

// household makes household n: the first ones have a case.
func (o *outbreak) household(n int) store.Household {
	dice := rand.New(rand.NewPCG(uint64(n), 4))
	age := time.Duration(dice.Int64N(int64(outbreakDays * 24 * time.Hour)))
	at := o.places[sort.SearchFloat64s(o.weights, dice.Float64()*o.weights[len(o.weights)-1])]
	if n >= o.cases {
		return o.healthy(dice, n, age, at)
	}
	kind := o.closed
	switch chance := dice.IntN(100); {
	case age < freshFor && chance < 70, chance < 3:
		kind = o.fresh
	case age < freshFor || chance < 30:
		kind = o.open
	}
	h := o.after(kind[dice.IntN(len(kind))], dice, n, age, at)
	if c := &h.Cases[0]; c.Status != models.CaseClosed && dice.IntN(10) == 0 {
		c.MissedSince = c.LastDeclaredAt.Add(30 * time.Hour)
	}
	return h
}

// healthy is a household that declares again and again that it is well.
func (o *outbreak) healthy(dice *rand.Rand, n int, age time.Duration, at place) store.Household {
	h := o.after(o.well[dice.IntN(len(o.well))], dice, n, age/2, at)
	first := slices.IndexFunc(h.Forms, func(d models.Declaration) bool { return d.Form == models.FormDeclaration })
	d := h.Forms[first]
	h.Forms, h.Messages = nil, nil
	for i := range wellDeclarations {
		d.OccurredAt, d.ReceivedAt = d.OccurredAt.AddDate(0, 0, -1), d.ReceivedAt.AddDate(0, 0, -1)
		d.ID = seedID(d.OccurredAt, n, 1, i)
		h.Forms = append(h.Forms, d)
	}
	return h
}

// after makes a household after another: as long ago as age says, in another place, of another name.
func (o *outbreak) after(h store.Household, dice *rand.Rand, n int, age time.Duration, at place) store.Household {
	later := func(t time.Time) time.Time {
		if t.IsZero() {
			return t
		}
		return t.Add(-age)
	}
	h.Account.ID, h.Account.Phone, h.Account.CreatedAt = loadAccount(dice), fmt.Sprintf("+8498%07d", n), later(h.Account.CreatedAt)
	h.Account.People = slices.Clone(h.Account.People)
	for i := range h.Account.People {
		p := &h.Account.People[i]
		p.Name, p.NationalID, p.Commune, p.Province, p.CreatedAt = seedName(dice, p.Sex), fmt.Sprintf("1%08d", n), at.commune, at.province, later(p.CreatedAt)
	}
	ids := map[models.DeclarationRef]models.DeclarationRef{{}: {}}
	h.Forms = slices.Clone(h.Forms)
	for i := range h.Forms {
		d := &h.Forms[i]
		was := models.DeclarationRef{Form: d.Form, ID: d.ID}
		d.OccurredAt, d.ReceivedAt, d.Previous.At, d.Commune, d.Province = later(d.OccurredAt), later(d.ReceivedAt), later(d.Previous.At), at.commune, at.province
		d.ID = seedID(d.OccurredAt, n, 0, i)
		ids[was] = models.DeclarationRef{Form: d.Form, ID: d.ID}
	}
	for i := range h.Forms {
		h.Forms[i].Previous.Declaration = ids[h.Forms[i].Previous.Declaration]
	}
	h.Cases = slices.Clone(h.Cases)
	for i := range h.Cases {
		o.caseAfter(&h.Cases[i], later, ids, at)
		h.Terms = append(h.Terms, cases.Terms(&h.Account, h.Cases[i].PersonID))
	}
	h.Messages = slices.Clone(h.Messages)
	for i := range h.Messages {
		m := &h.Messages[i]
		m.Account, m.Declaration, m.CreatedAt, m.ExpiresAt, m.SentAt = h.Account.ID, ids[m.Declaration], later(m.CreatedAt), later(m.ExpiresAt), later(m.SentAt)
		m.ID = models.TimeID(m.CreatedAt, fmt.Sprint(n, i))
		m.State, m.DueAt = models.MessageStored, time.Time{} // a load sends nothing
	}
	return h
}

func (o *outbreak) caseAfter(c *models.Case, later func(time.Time) time.Time, ids map[models.DeclarationRef]models.DeclarationRef, at place) {
	c.Commune, c.Province, c.Home, c.DecidedBy = at.commune, at.province, at.commune, ids[c.DecidedBy]
	for _, t := range []*time.Time{&c.OpenedAt, &c.LastDeclaredAt, &c.LastReceivedAt, &c.DueAt, &c.MissedSince, &c.RaisedAt, &c.UnreachedSince, &c.FirstContactAt, &c.ClosedAt} {
		*t = later(*t)
	}
	officer := c.Assignee
	if officer != "" {
		officer = communeLogin(at.commune)
	}
	c.Assignee = officer
	c.Levels, c.Notes, c.Contacts, c.Waits = slices.Clone(c.Levels), slices.Clone(c.Notes), slices.Clone(c.Contacts), slices.Clone(c.Waits)
	for i := range c.Waits {
		c.Waits[i].From, c.Waits[i].To = later(c.Waits[i].From), later(c.Waits[i].To)
	}
	for i := range c.Levels {
		c.Levels[i].At, c.Levels[i].Declaration = later(c.Levels[i].At), ids[c.Levels[i].Declaration]
	}
	for i := range c.Notes {
		c.Notes[i].At, c.Notes[i].By = later(c.Notes[i].At), officer
	}
	for i := range c.Contacts {
		c.Contacts[i].At, c.Contacts[i].By = later(c.Contacts[i].At), officer
	}
}

// loadAccount is an account's id of 128 bits, from the dice.
func loadAccount(dice *rand.Rand) string {
	var raw [16]byte
	binary.BigEndian.PutUint64(raw[:8], dice.Uint64())
	binary.BigEndian.PutUint64(raw[8:], dice.Uint64())
	return base64.RawURLEncoding.EncodeToString(raw[:])
}
