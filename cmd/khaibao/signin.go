package main

import (
	"cmp"

	"khaibao/internal/auth"
)

// signIn wires how citizens and officials sign in. One-time codes leave by the same outbox as every other message.
func (a *app) signIn() (err error) {
	if a.tokens, err = auth.NewTokens(auth.Config{Keys: a.keys.TokenKeys()}); err != nil {
		return err
	}
	budgets := auth.DefaultBudgets()
	if a.otp != (budgetConfig{}) {
		budgets.OTPPerPhoneHour, budgets.OTPPerPhoneDay = a.otp.OTPPerPhoneHour, a.otp.OTPPerPhoneDay
		budgets.OTPPerAddressHour, budgets.OTPPerDay, budgets.OTPResend = a.otp.OTPPerAddressHour, a.otp.OTPPerDay, a.otp.OTPResend
	}
	a.citizens, err = auth.NewCitizens(auth.CitizensConfig{
		Store: a.store, Keys: a.keys, Tokens: a.tokens, Outbox: a.store, Text: a.texts.Text,
		Enqueued: func() { a.outbox.Wake() }, Firebase: a.firebase, Budgets: budgets,
	})
	if err != nil {
		return err
	}
	argon := cmp.Or(a.argon, auth.DefaultArgon2())
	if a.pins, err = auth.NewPINs(a.store, argon, nil); err != nil {
		return err
	}
	a.officials, err = auth.NewOfficials(auth.OfficialsConfig{
		Store: a.store, Keys: a.keys, Tokens: a.tokens, Argon2: argon, Budgets: cmp.Or(a.logins, auth.DefaultLoginBudgets()), Areas: a.areas,
		Changed: func() { a.effects.Wake() }, Lookups: a.otp.LookupsPerDay,
	})
	return err
}
