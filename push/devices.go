package push

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"time"

	"khaibao/models"
)

// DeviceStore is where devices are kept.
type DeviceStore interface {
	UpdateAccount(ctx context.Context, id string, change func(*models.Account) ([]models.Effect, error)) (*models.Account, error)
	// ClaimToken makes a push token the account's, whoever had it before.
	ClaimToken(ctx context.Context, token, account string) error
	// ReleaseToken ends the account's claim on a push token; that of another account stays.
	ReleaseToken(ctx context.Context, token, account string) error
}

// DeviceLimit is how many devices of a household receive pushes; registering one more drops the one not heard of longest.
const DeviceLimit = 10

// tokenLimit is the longest push token that is kept, in bytes; Firebase's have a few hundred.
const tokenLimit = 4096

// deviceRefresh is how old a registration gets before the same one is written anew.
const deviceRefresh = 24 * time.Hour

// Devices registers the phones and browsers that pushes go to. It is safe for concurrent use.
type Devices struct {
	store DeviceStore
	now   func() time.Time
	id    *regexp.Regexp
}

// NewDevices gives ready devices; now is the domain's clock.
func NewDevices(store DeviceStore, now func() time.Time) *Devices {
	return &Devices{store, now, regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)}
}

// Register keeps a device's push token, platform (android, ios, web) and language for the citizen's household. The same
// device again replaces its entry. A language that is new to the device becomes that of all messages to the household. A token belongs to the household that registered it last: another one that has it
// receives no more pushes through it. Every wrong field is named at once, and nothing is kept then.
func (d *Devices) Register(ctx context.Context, citizen models.Citizen, device models.Device) error {
	if err := d.check(device); err != nil {
		return err
	}
	// The claim comes first: the worker takes a device out of a household whose token another one holds.
	if err := d.store.ClaimToken(ctx, device.Token, citizen.Account); err != nil {
		return err
	}
	device.UpdatedAt = d.now()
	var dropped []string
	_, err := d.store.UpdateAccount(ctx, citizen.Account, func(a *models.Account) ([]models.Effect, error) {
		dropped = nil
		if upToDate(a, device) {
			return nil, models.ErrUnchanged
		}
		if !slices.ContainsFunc(a.Devices, func(was models.Device) bool { return was.ID == device.ID && was.Lang == device.Lang }) {
			a.Lang = device.Lang
		}
		before := tokens(a)
		a.Devices = append(slices.DeleteFunc(a.Devices, func(was models.Device) bool {
			return was.ID == device.ID || was.Token == device.Token
		}), device)
		if over := len(a.Devices) - DeviceLimit; over > 0 {
			slices.SortStableFunc(a.Devices, func(x, y models.Device) int { return x.UpdatedAt.Compare(y.UpdatedAt) })
			a.Devices = slices.Delete(a.Devices, 0, over)
		}
		after := tokens(a)
		dropped = slices.DeleteFunc(before, func(token string) bool { return slices.Contains(after, token) })
		return nil, nil
	})
	if err = signedOut(err); models.Unauthenticated.Is(err) { // the household is gone: nobody holds the token
		dropped = []string{device.Token}
	}
	return errors.Join(err, d.release(ctx, citizen.Account, dropped))
}

// Unregister ends pushes to a device; one that is not registered is fine.
func (d *Devices) Unregister(ctx context.Context, citizen models.Citizen, id string) error {
	var dropped []string
	_, err := d.store.UpdateAccount(ctx, citizen.Account, func(a *models.Account) ([]models.Effect, error) {
		dropped = nil
		a.Devices = slices.DeleteFunc(a.Devices, func(was models.Device) bool {
			if was.ID == id {
				dropped = append(dropped, was.Token)
			}
			return was.ID == id
		})
		if dropped == nil {
			return nil, models.ErrUnchanged
		}
		return nil, nil
	})
	if err != nil {
		return signedOut(err)
	}
	return d.release(ctx, citizen.Account, dropped)
}

// signedOut says of a household that is not there that its sign-in has ended.
func signedOut(err error) error {
	if models.NotFound.Is(err) {
		return models.ErrSignedOut
	}
	return err
}

// release lets go of tokens that the household no longer has. They leave the household first: a claim that nobody uses
// does no harm, a token without its claim might.
func (d *Devices) release(ctx context.Context, account string, dropped []string) error {
	for _, token := range dropped {
		if err := d.store.ReleaseToken(ctx, token, account); err != nil {
			return err
		}
	}
	return nil
}

func (d *Devices) check(device models.Device) error {
	var problems []models.FieldError
	wrong := func(field, code string, args map[string]any) {
		problems = append(problems, models.FieldError{Field: field, Code: code, Args: args})
	}
	if !d.id.MatchString(device.ID) {
		wrong("id", "bad_value", nil)
	}
	switch {
	case device.Token == "":
		wrong("/token", "required", nil)
	case len(device.Token) > tokenLimit:
		wrong("/token", "too_long", map[string]any{"max": tokenLimit})
	case strings.ContainsFunc(device.Token, func(r rune) bool { return r <= ' ' || r > '~' }):
		wrong("/token", "forbidden_characters", nil)
	}
	if platforms := []string{"android", "ios", "web"}; !slices.Contains(platforms, device.Platform) {
		wrong("/platform", "unknown_option", map[string]any{"options": strings.Join(platforms, ", ")})
	}
	if device.Lang != models.Vietnamese && device.Lang != models.English {
		wrong("/locale", "unknown_option", map[string]any{"options": "vi, en"})
	}
	return models.InvalidFields(problems...)
}

func upToDate(a *models.Account, device models.Device) bool {
	return slices.ContainsFunc(a.Devices, func(was models.Device) bool {
		fresh := device.UpdatedAt.Sub(was.UpdatedAt) < deviceRefresh
		was.UpdatedAt = device.UpdatedAt
		return was == device && fresh
	})
}

func tokens(a *models.Account) []string {
	out := make([]string, 0, len(a.Devices))
	for _, d := range a.Devices {
		out = append(out, d.Token)
	}
	return out
}
