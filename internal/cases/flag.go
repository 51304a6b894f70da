package cases

import (
	"context"
	"slices"
	"time"

	"khaibao/models"
)

// maxLevels is how many points of the trend a case keeps: a fortnight of two updates a day many times over.
const maxLevels = 400

// Apply carries a kept declaration or health update into the person's case: a flag opens one or raises it, anything
// else is a point of the trend. Applying the same one again changes nothing.
func (s *Service) Apply(ctx context.Context, d *models.Declaration) error {
	account, err := s.store.Account(ctx, d.Account)
	if err != nil {
		return err
	}
	return s.store.UpsertCase(ctx, d.Account, d.PersonID, d.Program, Terms(account, d.PersonID), func(was *models.Case) (*models.Case, []models.Effect, error) {
		if was == nil && !account.Identifies(d.PersonID) { // the citizen was told that this was not taken
			return nil, nil, models.ErrUnchanged
		}
		c, effects, err := s.follow(was, d)
		if c != nil {
			c.Unreachable = account.Unreachable
		}
		return c, effects, err
	})
}

func (s *Service) follow(was *models.Case, d *models.Declaration) (*models.Case, []models.Effect, error) {
	flagged := d.Decision.Level.Flagged()
	if was == nil {
		if !flagged {
			return nil, nil, models.ErrUnchanged
		}
		c := &models.Case{Commune: d.Commune, Province: d.Province, Home: d.Commune}
		s.open(c, d)
		s.trend(c, d)
		return c, nil, nil
	}
	c := was
	if slices.ContainsFunc(c.Levels, func(l models.LevelAt) bool { return l.Declaration == ref(d) }) {
		return nil, nil, models.ErrUnchanged
	}
	newest, open := newer(d, c), c.Status != models.CaseClosed
	if newest && d.Commune != c.Home {
		moveTo(c, d.Commune, d.Province)
		c.Home = d.Commune
	}
	switch {
	case c.Status == models.CaseClosed:
		if flagged && newest {
			s.open(c, d)
		}
	case d.Decision.Level > c.Level:
		s.decided(c, d)
		s.shorten(c, d)
		c.RaisedAt = d.ReceivedAt
	case d.Decision.Level == c.Level && newest:
		s.decided(c, d)
	}
	s.trend(c, d)
	if newest && open {
		raise(c, d)
	}
	return c, nil, nil
}

// raise notes that an open case got worse with its newest form, also when the level has been as high before, and that it
// got better again.
func raise(c *models.Case, d *models.Declaration) {
	switch trend, _ := c.Trend(); {
	case trend.Direction == models.Worse && d.Decision.Level.Flagged():
		c.RaisedAt = d.ReceivedAt
	case trend.Direction == models.Better:
		c.RaisedAt = time.Time{}
	}
}

// moveTo gives a case to another commune. Whoever had taken it may not see it there, so it is free to be taken.
func moveTo(c *models.Case, commune, province string) {
	c.Commune, c.Province, c.Assignee = commune, province, ""
}

// newer tells whether a declaration is the newest of the person: by when it happened, then by when it came.
func newer(d *models.Declaration, c *models.Case) bool {
	if !d.OccurredAt.Equal(c.LastDeclaredAt) {
		return d.OccurredAt.After(c.LastDeclaredAt)
	}
	return !d.ReceivedAt.Before(c.LastReceivedAt)
}

func ref(d *models.Declaration) models.DeclarationRef {
	return models.DeclarationRef{Form: d.Form, ID: d.ID}
}

// open starts a case, also one that was closed: its history stays, its work begins anew.
func (s *Service) open(c *models.Case, d *models.Declaration) {
	s.decided(c, d)
	c.Status, c.Assignee = models.CaseNew, ""
	c.OpenedAt, c.ClosedAt, c.FirstContactAt, c.RaisedAt, c.UnreachedSince = d.ReceivedAt, time.Time{}, time.Time{}, time.Time{}, time.Time{}
	c.DueAt = s.deadline(d.Program, d.Version, c.Level, d.ReceivedAt)
}

func (s *Service) decided(c *models.Case, d *models.Declaration) {
	c.Level, c.Factors, c.Reasons = d.Decision.Level, d.Decision.Factors, d.Decision.Reasons
	c.Version, c.DecidedBy = d.Version, ref(d)
}

// shorten gives a case that got worse the deadline of its new level, unless the one it has is earlier.
func (s *Service) shorten(c *models.Case, d *models.Declaration) {
	due := s.deadline(d.Program, d.Version, c.Level, d.ReceivedAt)
	if !due.IsZero() && (c.DueAt.IsZero() || due.Before(c.DueAt)) {
		c.DueAt = due
	}
}

// trend adds a point in the order of what happened and remembers what is latest. The order in which forms come in does
// not matter: the trend of a case follows from its points.
func (s *Service) trend(c *models.Case, d *models.Declaration) {
	if newer(d, c) {
		c.LatestLevel, c.LastDeclaredAt, c.LastReceivedAt = d.Decision.Level, d.OccurredAt, d.ReceivedAt
		c.MissedSince = time.Time{}
	}
	if !slices.ContainsFunc(c.Levels, func(l models.LevelAt) bool { return l.At.Equal(d.Previous.At) }) && !d.Previous.At.IsZero() {
		before := d.Previous // from before the case, or still on its way to it
		before.Declaration = models.DeclarationRef{}
		c.Levels = append(c.Levels, before)
	}
	c.Levels = slices.DeleteFunc(c.Levels, func(l models.LevelAt) bool {
		return l.Declaration.ID == "" && l.At.Equal(d.OccurredAt)
	})
	c.Levels = append(c.Levels, models.LevelAt{At: d.OccurredAt, Level: d.Decision.Level, Declaration: ref(d), Values: d.Measures})
	slices.SortStableFunc(c.Levels, func(a, b models.LevelAt) int { return a.At.Compare(b.At) })
	if len(c.Levels) > maxLevels {
		c.Levels = c.Levels[len(c.Levels)-maxLevels:]
	}
}

// Missed puts a person into the officials' queue because an update that was due then has not come. A case that is closed,
// or whose person has been heard of since, stays as it is; so does one that says so already.
func (s *Service) Missed(ctx context.Context, account, person, program string, since time.Time) error {
	return s.store.ChangeCase(ctx, account, person, program, func(c *models.Case) ([]models.Effect, error) {
		if c.Status == models.CaseClosed || !c.MissedSince.IsZero() || !c.LastDeclaredAt.Before(since) {
			return nil, models.ErrUnchanged
		}
		c.MissedSince = since
		return nil, nil
	})
}

// Ended closes the case of a person whose follow-up ended by itself: its days are over, or the level fell for long enough.
// One whom nobody has contacted yet, who owes an update, or whose newest answers are still flagged stays with the officials.
func (s *Service) Ended(ctx context.Context, account, person, program string) error {
	err := s.store.ChangeCase(ctx, account, person, program, func(c *models.Case) ([]models.Effect, error) {
		if c.Status == models.CaseClosed || c.Status == models.CaseNew || !c.MissedSince.IsZero() || c.LatestLevel.Flagged() {
			return nil, models.ErrUnchanged
		}
		entry := models.AuditEntry{
			At: s.now(), Action: "change_case", Account: c.Account, PersonID: c.PersonID, Case: c.ID, Program: c.Program,
			Detail: map[string]string{"from": string(c.Status), "status": string(models.CaseClosed), "because": "follow_up_ended"},
		}
		s.setStatus(c, models.CaseClosed)
		return []models.Effect{{Kind: models.EffectAudit, Audit: &entry}, closed(c)}, nil
	})
	s.changed()
	return err
}

// deadline is when the officials must have made first contact; zero when the program sets none.
func (s *Service) deadline(program string, version int, level models.Level, from time.Time) time.Time {
	p, ok := s.programs.Version(program, version)
	if !ok || p.Deadline(level) == 0 {
		return time.Time{}
	}
	return from.Add(p.Deadline(level))
}

// FollowPerson carries a changed, removed or erased person into their cases: the commune where they stay and the terms
// they are found by.
func (s *Service) FollowPerson(ctx context.Context, accountID, personID string) error {
	account, err := s.store.Account(ctx, accountID)
	if err != nil {
		return err
	}
	all, err := s.store.CasesOfAccount(ctx, accountID)
	if err != nil {
		return err
	}
	for _, c := range all {
		if personID != "" && c.PersonID != personID {
			continue
		}
		err := s.store.UpsertCase(ctx, accountID, c.PersonID, c.Program, Terms(account, c.PersonID), func(was *models.Case) (*models.Case, []models.Effect, error) {
			person, ok := account.AnyPerson(c.PersonID)
			if was == nil {
				return nil, nil, models.ErrUnchanged
			}
			was.Unreachable = account.Unreachable
			if ok && person.Commune != was.Home && person.Commune != "" {
				moveTo(was, person.Commune, person.Province)
				was.Home = person.Commune
			}
			return was, nil, nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
