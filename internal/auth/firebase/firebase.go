// Package firebase verifies sign-ins by Firebase phone authentication. It has Google's SDK to itself, so that what only needs
// a verifier does not carry the SDK along.
package firebase

import (
	"context"
	"errors"
	"fmt"
	"os"

	sdk "firebase.google.com/go/v4"
	"firebase.google.com/go/v4/auth"
	"google.golang.org/api/option"

	"khaibao/models"
)

// emulatorVariable makes Firebase's SDK take unsigned tokens.
const emulatorVariable = "FIREBASE_AUTH_EMULATOR_HOST"

// ErrEmulator is answered when the environment would make Firebase's SDK take tokens that nobody signed.
var ErrEmulator = errors.New(emulatorVariable + " is set: the emulator's tokens are unsigned, so anybody could sign in as anybody; unset it")

// CheckEnvironment gives ErrEmulator when the environment makes Firebase sign-in worthless.
func CheckEnvironment() error {
	if os.Getenv(emulatorVariable) != "" {
		return ErrEmulator
	}
	return nil
}

// Verifier verifies ID tokens of one Firebase project with Google's SDK. It needs no service account: Google publishes
// the keys.
type Verifier struct{ client *auth.Client }

// New gives the Verifier of a project. It refuses an environment that CheckEnvironment refuses.
func New(ctx context.Context, project string) (*Verifier, error) {
	if err := CheckEnvironment(); err != nil {
		return nil, err
	}
	if project == "" {
		return nil, errors.New("firebase: sign-in needs the id of the project")
	}
	return newVerifier(ctx, project)
}

// newVerifier leaves the environment unchecked: the tests ask the emulator, too.
func newVerifier(ctx context.Context, project string) (*Verifier, error) {
	app, err := sdk.NewApp(ctx, &sdk.Config{ProjectID: project}, option.WithoutAuthentication())
	if err != nil {
		return nil, fmt.Errorf("setting up Firebase sign-in: %w", err)
	}
	client, err := app.Auth(ctx)
	if err != nil {
		return nil, fmt.Errorf("setting up Firebase sign-in: %w", err)
	}
	return &Verifier{client}, nil
}

// phoneProvider is Firebase's name of the sign-in that proves a number by SMS. A token of another provider may carry a
// phone_number too, but does not prove it now.
const phoneProvider = "phone"

// Verify gives the number that an ID token proves. Unauthenticated bad_token or token_expired for one that proves none;
// Unavailable when Google's keys cannot be had. Google's clock may be five minutes ahead of ours or behind it.
func (v *Verifier) Verify(ctx context.Context, idToken string) (string, error) {
	token, err := v.client.VerifyIDToken(ctx, idToken)
	switch {
	case auth.IsCertificateFetchFailed(err):
		return "", models.Down("Firebase's keys", err)
	case auth.IsIDTokenExpired(err):
		return "", models.Fail(models.Unauthenticated, "token_expired")
	case err != nil: // its text may quote the token
		return "", bad()
	}
	phone, _ := token.Claims["phone_number"].(string)
	if token.Firebase.SignInProvider != phoneProvider || phone == "" {
		return "", bad()
	}
	return phone, nil
}

func bad() error { return models.Fail(models.Unauthenticated, "bad_token") }
