package dialogue

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"khaibao/models"
)

func showPrivacy(t *turn) (view, error) {
	stopped, err := t.stopped()
	if err != nil {
		return view{}, err
	}
	sms := map[bool]string{true: "privacy.start", false: "privacy.stop"}[stopped]
	return view{
		text:  t.text("privacy.title", nil),
		items: numbered(t.text("privacy.withdraw", nil), t.text(sms, nil), t.text("privacy.erase", nil)), back: t.back(), stops: !stopped,
	}, nil
}

func takePrivacy(t *turn, typed string) error {
	n := t.choice(typed, 3)
	switch n {
	case 1:
		if t.account == nil {
			t.say("nobody", nil)
			return nil
		}
		t.st.to(stepWithdraw)
	case 2:
		return t.optOut(t.st.Stops)
	case 3:
		return t.erase()
	}
	return nil
}

// consentText names what a keypad says about consents: nothing can be granted here, only taken back.
const consentText = "keypad-1"

func showWithdraw(t *turn) (view, error) {
	return view{text: t.text("privacy.withdraw_sure", nil), items: numbered(t.text("privacy.withdraw_yes", nil)), back: t.back()}, nil
}

func takeWithdraw(t *turn, typed string) error {
	if t.choice(typed, 1) == 0 {
		return nil
	}
	return t.withdraw()
}

// withdraw takes back every consent. Declaring and its follow-up rest on the law and not on these.
func (t *turn) withdraw() error {
	consents, err := t.Privacy.Consents(t.ctx, t.citizen())
	if err != nil {
		return err
	}
	for _, c := range consents {
		if !c.Granted {
			continue
		}
		if _, err := t.Privacy.SetConsent(t.ctx, t.citizen(), c.Purpose, false, consentText); err != nil {
			return err
		}
	}
	t.say("privacy.withdrawn", nil)
	return nil
}

// stopped tells whether the number wants no SMS that it did not ask for, with a household or without.
func (t *turn) stopped() (bool, error) {
	if t.account != nil {
		return !t.account.SMSOptOut.IsZero(), nil
	}
	since, err := t.Store.PhoneOptedOut(t.ctx, t.in.Phone)
	return !since.IsZero(), err
}

// optOut stops SMS that nobody asked for, or takes that back.
func (t *turn) optOut(out bool) error {
	if t.account == nil {
		var since time.Time
		if out {
			since = t.Now()
		}
		if err := t.Store.OptOutPhone(t.ctx, t.in.Phone, since); err != nil {
			return err
		}
	} else {
		_, err := t.Store.UpdateAccount(t.ctx, t.account.ID, func(a *models.Account) ([]models.Effect, error) {
			if a.SMSOptOut.IsZero() != out {
				return nil, models.ErrUnchanged
			}
			if a.SMSOptOut = (time.Time{}); out {
				a.SMSOptOut = t.Now()
			}
			return nil, nil
		})
		if err != nil {
			return err
		}
	}
	t.say(map[bool]string{true: "privacy.stopped", false: "privacy.started"}[out], nil)
	return nil
}

// erase asks for the PIN first: holding the phone is not enough.
func (t *turn) erase() error {
	switch {
	case t.account == nil:
		t.say("nobody", nil)
		return nil
	case t.unlocked():
		return t.readyToErase()
	}
	return t.unlock(stepErase, "")
}

// readyToErase asks once more: by SMS for a code that goes back with the question.
func (t *turn) readyToErase() error {
	if !t.bySMS() {
		t.st.to(stepErase)
		return nil
	}
	sum := sha256.Sum256([]byte(t.NewID()))
	t.st.Code = fmt.Sprintf("%04d", binary.BigEndian.Uint32(sum[:])%10000)
	t.st.to(stepEraseCode)
	return nil
}

func showErase(t *turn) (view, error) {
	return view{text: t.text("erase.sure", nil), items: numbered(t.text("erase.yes", nil)), back: t.back()}, nil
}

func takeErase(t *turn, typed string) error {
	if t.choice(typed, 1) == 0 {
		return nil
	}
	return t.eraseNow()
}

func showEraseCode(t *turn) (view, error) {
	return view{text: t.text("erase.code", map[string]any{"code": t.st.Code})}, nil
}

func takeEraseCode(t *turn, typed string) error {
	given := strings.TrimSpace(strings.TrimPrefix(strings.ToUpper(strings.TrimSpace(typed)), "XOA"))
	if t.st.Code == "" || given != t.st.Code {
		return t.unclear("erase_code", nil)
	}
	return t.eraseNow()
}

func (t *turn) eraseNow() error {
	if t.account != nil && !t.unlocked() { // the PIN was entered too long ago
		t.note = t.text("note.pin_late", nil)
		return t.unlock(stepErase, "")
	}
	citizen := t.citizen()
	if t.account == nil { // this message has erased it already
		citizen.Account = t.erased
	}
	erased, err := t.Privacy.Erase(t.ctx, citizen)
	if err != nil && !models.Unauthenticated.Is(err) {
		return err
	}
	t.st.drop()
	t.st.Done, t.st.Code, t.st.Unlocked = nil, "", time.Time{}
	t.say(map[bool]string{true: "erase.kept", false: "erase.done"}[erased.KeptUntilClosed], nil)
	return nil
}
