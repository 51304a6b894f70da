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
	sms := "privacy.stop"
	if t.account != nil && !t.account.SMSOptOut.IsZero() {
		sms = "privacy.start"
	}
	return view{
		text:  t.text("privacy.title", nil),
		items: numbered(t.text("privacy.withdraw", nil), t.text(sms, nil), t.text("privacy.erase", nil)), foot: t.back(),
	}, nil
}

func takePrivacy(t *turn, typed string) error {
	n := t.choice(typed, 3)
	if n > 0 && t.account == nil {
		t.say("nobody", nil)
		return nil
	}
	switch n {
	case 1:
		t.st.to(stepWithdraw)
	case 2:
		return t.optOut(t.account.SMSOptOut.IsZero())
	case 3:
		return t.erase()
	}
	return nil
}

// consentText names what a keypad says about consents: nothing can be granted here, only taken back.
const consentText = "keypad-1"

func showWithdraw(t *turn) (view, error) {
	return view{text: t.text("privacy.withdraw_sure", nil), items: numbered(t.text("privacy.withdraw_yes", nil)), foot: t.back()}, nil
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

// optOut stops SMS that nobody asked for, or takes that back.
func (t *turn) optOut(out bool) error {
	if t.account != nil {
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
	return view{text: t.text("erase.sure", nil), items: numbered(t.text("erase.yes", nil)), foot: t.back()}, nil
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
	if !t.unlocked() || t.account == nil { // the PIN was entered too long ago
		t.st.to(stepHome)
		return nil
	}
	erased, err := t.Privacy.Erase(t.ctx, t.citizen())
	if err != nil && !models.Unauthenticated.Is(err) {
		return err
	}
	t.st.drop()
	t.st.Done, t.st.Code, t.st.Unlocked = nil, "", time.Time{}
	t.say(map[bool]string{true: "erase.kept", false: "erase.done"}[erased.KeptUntilClosed], nil)
	return nil
}
