package auth

import (
	"context"
	"crypto/sha256"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"khaibao/models"
)

// What the keyed hashes of a set-up are made for.
const (
	purposeSetup     = "setup"
	purposeSetupTOTP = "setup_totp"
)

// Setup is what an official who opened a set-up link is shown. Nothing of it is kept before FinishSetup.
type Setup struct {
	Official   models.Official // without credentials
	TOTPSecret string          // base32
	URL        string          // otpauth://, for authenticator apps
}

// OpenSetup gives the set-up behind a link. The TOTP secret follows from the link and from browser, a random text that the
// browser keeps: loading the page again shows the same secret, and whoever opened the link before on another machine was
// shown another. NotFound for a link that is wrong, used or too old, and while the official is disabled.
func (o *Officials) OpenSetup(ctx context.Context, login, token, browser string) (Setup, error) {
	official, err := o.invited(ctx, login, token)
	if err != nil {
		return Setup{}, err
	}
	secret, url, err := o.setupTOTP(official.Login, token, browser)
	return Setup{withoutCredentials(*official), secret, url}, err
}

func (o *Officials) setupTOTP(login, token, browser string) (secret, url string, err error) {
	sum := sha256.Sum256([]byte(o.keys.Hash(purposeSetupTOTP, login+"|"+token+"|"+browser)))
	return newTOTP(login, sum[:totpSecretBytes])
}

// invited finds the official of a link.
func (o *Officials) invited(ctx context.Context, login, token string) (*models.Official, error) {
	if !loginForm.MatchString(login) || token == "" || len(token) > maxSetupToken {
		return nil, errSetupGone()
	}
	official, err := o.store.Official(ctx, login)
	if models.NotFound.Is(err) {
		return nil, errSetupGone()
	}
	if err != nil {
		return nil, err
	}
	return official, o.mayUse(official, token)
}

const maxSetupToken = 64 // bytes

func (o *Officials) mayUse(official *models.Official, token string) error {
	if official.Disabled() || !o.now().Before(official.SetupUntil) || !o.keys.Matches(official.SetupHash, purposeSetup, official.Login+"|"+token) {
		return errSetupGone()
	}
	return nil
}

// SetupInput is what an official chose and typed.
type SetupInput struct {
	Password, Again string
	TOTP            string // the code that the authenticator shows for the secret of OpenSetup
}

// FinishSetup uses up the link: the password and the TOTP secret are kept, in one write, and the official is signed in.
// Invalid names every wrong field and keeps nothing; NotFound as OpenSetup.
func (o *Officials) FinishSetup(ctx context.Context, login, token, browser string, in SetupInput) (Visit, error) {
	official, err := o.invited(ctx, login, token)
	if err != nil {
		return Visit{}, err
	}
	secret, _, err := o.setupTOTP(official.Login, token, browser)
	if err != nil {
		return Visit{}, err
	}
	step := totpStep(secret, strings.ReplaceAll(in.TOTP, " ", ""), 0, o.now())
	wrong := passwordProblems(official.Login, in.Password)
	if in.Again != in.Password {
		wrong = append(wrong, models.FieldError{Field: "/again", Code: "passwords_differ"})
	}
	if step == 0 {
		wrong = append(wrong, models.FieldError{Field: "/totp", Code: "bad_totp"})
	}
	if err := models.InvalidFields(wrong...); err != nil {
		return Visit{}, err
	}
	hash, err := o.hasher.hash(ctx, in.Password)
	if err != nil {
		return Visit{}, err
	}
	_, err = o.store.UpdateOfficial(ctx, official.Login, func(now *models.Official) ([]models.Effect, error) {
		if err := o.mayUse(now, token); err != nil {
			return nil, err
		}
		now.SetupHash, now.SetupUntil = "", time.Time{}
		now.PasswordHash, now.TOTPSecret, now.TOTPUsed, now.SignedInAt = hash, secret, step, o.now()
		return Office{o, *now}.audited(models.AuditSetUpOfficial, now), nil
	})
	if err != nil {
		return Visit{}, err
	}
	o.changed()
	return o.startVisit(ctx, official.Login)
}

// passwordProblems tells what is wrong with a password that somebody chose: long enough, not the login, and not one that
// everybody tries first. Nothing else makes a password better for people.
func passwordProblems(login, password string) []models.FieldError {
	low := strings.ToLower(password)
	problem := models.FieldError{Field: "/password"}
	switch length := utf8.RuneCountInString(password); {
	case length > maxPassword:
		problem.Code, problem.Args = "too_long", map[string]any{"max": maxPassword}
	case length < minPassword:
		problem.Code, problem.Args = "bad_password", map[string]any{"min": minPassword}
	case login != "" && strings.Contains(low, login):
		problem.Code = "password_has_login"
	case easy(low):
		problem.Code = "password_easy"
	default:
		return nil
	}
	return []models.FieldError{problem}
}

// minDifferent is how many different characters a password has at least.
const minDifferent = 5

// easy tells whether a password of the right length is one of the first to be tried.
func easy(low string) bool {
	letters := []rune(low)
	slices.Sort(letters)
	if len(slices.Compact(letters)) < minDifferent {
		return true
	}
	for _, common := range commonPasswords {
		low = strings.ReplaceAll(low, common, "")
	}
	return utf8.RuneCountInString(low) < minDifferent
}

// commonPasswords are pieces that easy passwords are made of, in lower case, longer ones before their own parts: what has
// little besides them is easy.
var commonPasswords = []string{
	"password", "passw0rd", "p@ssw0rd", "matkhau", "mậtkhẩu", "mật khẩu", "mat khau", "khaibao", "khai bao", "boyte", "tramyte", "admin", "welcome", "iloveyou", "anhyeuem", "vietnam",
	"1234567890", "0123456789", "123456789", "12345678", "123456", "9876543210", "987654321", "654321",
	"qwertyuiop", "asdfghjkl", "zxcvbnm", "qwerty", "1q2w3e4r5t", "1q2w3e4r", "1qaz2wsx3edc", "1qaz2wsx", "abcdefghijkl", "abcdef",
}
