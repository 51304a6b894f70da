// Package dialogue is the conversation of citizens without the app: the same questions, decisions and rights by USSD and
// by SMS. A dialogue is a sequence of screens; what a screen asks follows from the program's YAML and what it says from
// there or from the language files, so a new disease needs nothing here.
//
// Nothing is declared before it was confirmed. Until then everything that was typed lies sealed in one document for each
// channel and number, and goes with it; what is kept then gets its id from the dialogue, so that a gateway which repeats a
// request never makes a second declaration.
package dialogue

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"khaibao/internal/areas"
	"khaibao/internal/intake"
	"khaibao/internal/privacy"
	"khaibao/internal/rules"
	"khaibao/models"
)

// Store keeps dialogues and households.
type Store interface {
	// Dialogue gives where the dialogue with a number stands, models.NotFound when there is none.
	Dialogue(ctx context.Context, channel models.Channel, phone string) (models.Dialogue, error)
	// SaveDialogue writes it: models.Changed when somebody else did meanwhile.
	SaveDialogue(ctx context.Context, channel models.Channel, phone string, d *models.Dialogue) error
	RewriteDialogue(ctx context.Context, d *models.Dialogue) error
	DueDialogues(ctx context.Context, now time.Time, limit int) ([]models.Dialogue, error)
	// AccountOfPhone finds the household of a number, models.NotFound when it has none; ClaimPhone makes one then.
	AccountOfPhone(ctx context.Context, phone string) (string, error)
	ClaimPhone(ctx context.Context, phone string) (string, error)
	// OptOutPhone remembers since when a number without a household wants no SMS, for the household that it may get; a zero
	// time forgets it. PhoneOptedOut gives it.
	OptOutPhone(ctx context.Context, phone string, since time.Time) error
	PhoneOptedOut(ctx context.Context, phone string) (time.Time, error)
	Account(ctx context.Context, id string) (*models.Account, error)
	UpdateAccount(ctx context.Context, id string, change func(*models.Account) ([]models.Effect, error)) (*models.Account, error)
	// FollowUpsOf lists the plans of a household.
	FollowUpsOf(ctx context.Context, account string) ([]models.FollowUp, error)
}

// Intake is the one door for people, declarations and health updates.
type Intake interface {
	AddPerson(ctx context.Context, citizen models.Citizen, in intake.PersonInput) (models.Person, []models.FieldError, bool, error)
	RemovePerson(ctx context.Context, citizen models.Citizen, id string) (kept bool, err error)
	Submit(ctx context.Context, citizen models.Citizen, in intake.Submission) (*models.Declaration, bool, error)
	Declaration(ctx context.Context, citizen models.Citizen, form models.Form, id string) (*models.Declaration, error)
	Declarations(ctx context.Context, citizen models.Citizen, form models.Form, personID string, page models.Page) ([]models.Declaration, string, error)
}

// Privacy carries out what citizens ask of their data.
type Privacy interface {
	Consents(ctx context.Context, citizen models.Citizen) ([]models.Consent, error)
	SetConsent(ctx context.Context, citizen models.Citizen, purpose models.Purpose, granted bool, textVersion string) (models.Consent, error)
	Erase(ctx context.Context, citizen models.Citizen) (privacy.Erasure, error)
}

// PINs protects what a phone number alone must not do.
type PINs interface {
	Choose(ctx context.Context, account, pin string) error
	Check(ctx context.Context, account, pin, message string) error
}

// Outbox takes messages to be sent.
type Outbox interface {
	Enqueue(ctx context.Context, messages ...models.Message) error
}

// Config is what a Service is made of. Everything is required unless it says otherwise.
type Config struct {
	Store    Store
	Outbox   Outbox
	Intake   Intake
	Privacy  Privacy
	PINs     PINs
	Turns    TurnBudgets // what one number may send; DefaultTurnBudgets when empty
	Programs *rules.Catalog
	Areas    *areas.Directory
	Text     func(lang models.Lang, key string, args map[string]any) string
	Log      *slog.Logger
	Now      func() time.Time // the domain's clock
	Real     func() time.Time // real time; time.Now by default
	// NewID gives an id of 128 random bits; random by default, the same ones in tests.
	NewID func() string
}

// Service answers citizens. It is safe for concurrent use.
type Service struct {
	Config
	steps map[step]handling
}

// New gives a ready service.
func New(c Config) *Service {
	if c.Real == nil {
		c.Real = time.Now
	}
	if c.Turns == (TurnBudgets{}) {
		c.Turns = DefaultTurnBudgets()
	}
	if c.NewID == nil {
		c.NewID = rand.Text
	}
	s := &Service{Config: c}
	s.steps = allSteps()
	return s
}

// How long an open dialogue can be taken up again, and how long its document is kept: until a gateway has stopped
// repeating a request.
const (
	ussdResumes = 30 * time.Minute
	smsResumes  = 48 * time.Hour
	keep        = 24 * time.Hour
)

// saveTries is how often a turn is made again because another one of the same number was faster.
const saveTries = 10

// Answer takes one message of a citizen and gives what they get back. A message that came before (by its ID, within number
// and channel) changes nothing and gets the same reply, or none when it is an SMS and six others followed; one of a USSD
// session that was left for a newer one changes nothing and ends. A number that has used up its turns is told once by SMS,
// since each reply costs, and then not at all; a USSD session always needs an end, and STOP is always heard. An error is
// Unavailable or a fault of ours: nothing was noted then, no turn was spent, and sending the message again makes sense.
func (s *Service) Answer(ctx context.Context, in models.Inbound) (models.Reply, error) {
	for range saveTries {
		reply, err := s.answer(ctx, in)
		if !models.Changed.Is(err) {
			return reply, err
		}
	}
	return models.Reply{}, models.Down("answering a citizen", errors.New("too many messages of one number at once"))
}

func (s *Service) answer(ctx context.Context, in models.Inbound) (models.Reply, error) {
	kept, err := s.Store.Dialogue(ctx, in.Channel, in.Phone)
	if err != nil && !models.NotFound.Is(err) {
		return models.Reply{}, err
	}
	st := readState(kept.State)
	over := in.Channel == models.ChannelUSSD && st.displaced(in.Session)
	if reply, ok := st.saidTo(in.ID); ok && !st.redialled(in) && (reply.End || !over) {
		return reply, nil
	}
	if st.passed(in) {
		return models.Reply{}, nil
	}
	t, err := s.turn(ctx, in, st)
	if err != nil {
		return models.Reply{}, err
	}
	if over { // nobody looks at its screens any more
		return models.Reply{Text: t.pages(view{text: t.text("over", nil), end: true}, "")[0].text, End: true}, nil
	}
	reply, err := t.bounded()
	if err != nil {
		return models.Reply{}, fmt.Errorf("answering a citizen at %s: %w", t.st.Step, err)
	}
	if t.stray || (reply.OverBudget && reply.Text == "") {
		return reply, nil
	}
	st.remember(in, reply)
	st.Phone = in.Phone
	if kept.DueAt, err = t.due(); err != nil {
		return models.Reply{}, err
	}
	kept.State, kept.ExpiresAt = st.bytes(), s.Real().Add(keep)
	if in.Channel == models.ChannelSMS {
		kept.ExpiresAt = s.Real().Add(smsResumes + keep)
	}
	return reply, s.Store.SaveDialogue(ctx, in.Channel, in.Phone, &kept)
}

// turn is one exchange: what came in, where the dialogue stands, and whose number it is.
type turn struct {
	*Service
	ctx     context.Context
	in      models.Inbound
	st      *state
	account *models.Account // nil while the number has none
	erased  string          // the household that it had, as long as the number still names it
	note    string          // said on top of the next screen: why an answer was not taken
	left    string          // said above that: that a form was left
	ahead   bool            // what is taken was typed before its screen was shown
	stray   bool            // what came is of a call that is over
	alarm   string          // what to do about an emergency sign that came with other answers
}

func (s *Service) turn(ctx context.Context, in models.Inbound, st *state) (*turn, error) {
	t := &turn{Service: s, ctx: ctx, in: in, st: st}
	if err := t.readAccount(); err != nil {
		return nil, err
	}
	if st.Lang == "" {
		st.Lang = models.Vietnamese
		if t.account != nil {
			st.Lang = t.account.Lang
		}
	}
	return t, nil
}

// readAccount finds the household of the number; one that was erased is none.
func (t *turn) readAccount() error {
	t.account, t.erased = nil, ""
	id, err := t.Store.AccountOfPhone(t.ctx, t.in.Phone)
	if models.NotFound.Is(err) {
		return nil
	}
	if err != nil {
		return err
	}
	account, err := t.Store.Account(t.ctx, id)
	if err == nil && account.Erased() {
		t.erased = id
	}
	if models.NotFound.Is(err) || t.erased != "" {
		return nil
	}
	t.account = account
	return err
}

// citizen is who acts.
func (t *turn) citizen() models.Citizen {
	c := models.Citizen{Channel: t.in.Channel, Lang: t.st.Lang}
	if t.account != nil {
		c.Account = t.account.ID
	}
	return c
}

func (t *turn) bySMS() bool { return t.in.Channel == models.ChannelSMS }

// accents tells whether Vietnamese is written as it should be: where the gateway shows it, or where the citizen wrote so.
func (t *turn) accents() bool { return t.in.UCS2 || (t.bySMS() && t.st.Accents) }
