package push

import (
	"context"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"khaibao/internal/rules"
	"khaibao/models"
)

// InboxStore is where an inbox is read from.
type InboxStore interface {
	Account(ctx context.Context, id string) (*models.Account, error)
	UpdateAccount(ctx context.Context, id string, change func(*models.Account) ([]models.Effect, error)) (*models.Account, error)
	// Inbox lists an account's messages, newest id first.
	Inbox(ctx context.Context, account string, page models.Page) ([]models.Message, string, error)
	// AdvanceMessage moves a message on and tells whether it did: never back, and never twice to the same state.
	AdvanceMessage(ctx context.Context, account, id string, change func(*models.Message)) (models.Message, bool, error)
	Declaration(ctx context.Context, account string, form models.Form, id string) (*models.Declaration, error)
}

// InboxConfig is what an Inbox is made of.
type InboxConfig struct {
	Store    InboxStore
	Programs *rules.Catalog
	// Broadcast gives what a broadcast says.
	Broadcast func(ctx context.Context, id string) (models.Words, error)
	// Text renders one of the product's own texts.
	Text func(lang models.Lang, key string, args map[string]any) string
	// Now is the domain's clock.
	Now func() time.Time
	// Observe hears of every message that was read for the first time; nil: nobody does.
	Observe func(Outcome)
}

// Inbox shows households their messages, whether or not a push ever arrived. It is safe for concurrent use.
type Inbox struct {
	InboxConfig
	words words
}

// NewInbox gives a ready inbox.
func NewInbox(c InboxConfig) *Inbox {
	if c.Observe == nil {
		c.Observe = func(Outcome) {}
	}
	return &Inbox{c, words{c.Store, c.Programs, c.Text, c.Broadcast}}
}

// InboxItem is one message in the reader's language. PersonID, Program, Level and Declaration are those of the decision
// that the message is about.
type InboxItem struct {
	ID          string
	Kind        models.MessageKind
	Title       string
	Text        string
	PersonID    string
	Program     string
	Level       models.Level
	Declaration models.DeclarationRef
	CreatedAt   time.Time
}

// inboxReaders is how many declarations of one page are read at once.
const inboxReaders = 8

// List gives a page of the household's messages, newest first, and the cursor of the next page.
func (b *Inbox) List(ctx context.Context, citizen models.Citizen, page models.Page) ([]InboxItem, string, error) {
	if err := b.signedIn(ctx, citizen); err != nil {
		return nil, "", err
	}
	messages, next, err := b.Store.Inbox(ctx, citizen.Account, page)
	if err != nil {
		return nil, "", err
	}
	messages = slices.DeleteFunc(messages, hidden)
	items := make([]InboxItem, len(messages))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(inboxReaders)
	for i := range messages {
		group.Go(func() (err error) {
			items[i], err = b.item(ctx, &messages[i], citizen.Lang)
			return err
		})
	}
	return items, next, group.Wait()
}

// Get gives one message of the household and marks it as delivered: the app fetches by id what a push told of. A push that
// has not gone yet is spared. models.NotFound when the household has no such message.
func (b *Inbox) Get(ctx context.Context, citizen models.Citizen, id string) (InboxItem, error) {
	if err := b.signedIn(ctx, citizen); err != nil {
		return InboxItem{}, err
	}
	m, read, err := b.Store.AdvanceMessage(ctx, citizen.Account, id, func(m *models.Message) {
		if !hidden(*m) {
			m.State, m.Reason = models.MessageDelivered, ""
		}
	})
	if err != nil {
		return InboxItem{}, err
	}
	if hidden(m) {
		return InboxItem{}, models.ErrNotFound
	}
	if read {
		b.Observe(outcome(&m, b.Now()))
		if err := (reach{b.Store, b.Now}).arrived(ctx, &m); err != nil {
			return InboxItem{}, err
		}
	}
	return b.item(ctx, &m, citizen.Lang)
}

func (b *Inbox) signedIn(ctx context.Context, citizen models.Citizen) error {
	account, err := b.Store.Account(ctx, citizen.Account)
	if models.NotFound.Is(err) || (err == nil && account.Erased()) {
		return models.ErrSignedOut
	}
	return err
}

// hidden is what no inbox shows: a reminder that went out by SMS, and one that nobody needed any more.
func hidden(m models.Message) bool {
	return m.Kind == models.MessageReminderSMS ||
		m.Kind == models.MessageReminder && (m.State == models.MessageExpired || m.State == models.MessagePending)
}

// item renders one message. What it was about may be gone; then it says what a push says.
func (b *Inbox) item(ctx context.Context, m *models.Message, lang models.Lang) (InboxItem, error) {
	item := InboxItem{
		ID: m.ID, Kind: m.Kind, PersonID: m.PersonID, Program: m.Program, Declaration: m.Declaration, CreatedAt: m.CreatedAt,
		Title: b.Text(lang, "message.push_title", nil), Text: b.Text(lang, "message.push_body", nil),
	}
	switch m.Kind {
	case models.MessageAdvice:
		a, err := b.words.advice(ctx, m, lang)
		if err != nil || a == nil {
			return item, err
		}
		item.Level = a.Decided
		if a.Program != nil {
			item.Title, item.Text = a.Program.Name(lang)+": "+a.Level, a.Advice
		}
	case models.MessageBroadcast:
		says, err := b.words.broadcast(ctx, m.Broadcast)
		if err != nil {
			return item, err
		}
		item.Title, item.Text = b.Text(lang, "message.broadcast_title", nil), says.In(lang)
	case models.MessageNotice:
		item.Title, item.Text = b.Text(lang, "message.notice_title", nil), m.Text
		if m.Text == "" {
			item.Text = b.Text(lang, "message.notice_body."+string(m.Status), nil)
		}
	case models.MessageReminder, models.MessageReminderSMS:
		if program, ok := b.Programs.Current(m.Program, m.CreatedAt); ok {
			item.Title = b.Text(lang, "message.reminder_title", nil)
			item.Text = b.Text(lang, "message.reminder_body", map[string]any{"program": program.Name(lang)})
		}
	}
	return item, nil
}
