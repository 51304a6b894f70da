package rules_test

import (
	"strings"
	"testing"
	"time"

	"khaibao/models"
)

func TestSMSAfter(t *testing.T) {
	t.Parallel()
	with := strings.Replace(small, "examples:", "delivery: {sms_after: 45m, sms_from: high}\nexamples:", 1)
	for _, level := range models.Levels() {
		if after, ok := program(t, with).SMSAfter(level); ok != (level >= models.LevelHigh) || after != 45*time.Minute {
			t.Errorf("%s: got %s, %v", level, after, ok)
		}
		if _, ok := program(t, small).SMSAfter(level); ok {
			t.Errorf("%s: SMS takes over although the program says nothing of it", level)
		}
	}
}

func TestDeliveryRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ delivery, want string }{
		{"{sms_after: 30m}", "sms_from is missing"},
		{"{sms_from: high}", "sms_after is missing"},
		{"{sms_after: 0s, sms_from: high}", `"0s" is not a length of time`},
		{"{sms_after: 30m, sms_from: higher}", `"higher" is no level (did you mean high?)`},
		{"{sms_after: 30m, sms_from: high, sms_until: low}", `unknown key "sms_until"`},
	} {
		err := load(strings.Replace(small, "examples:", "delivery: "+tt.delivery+"\nexamples:", 1))
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "programs/test/1.yaml:67:") {
			t.Errorf("%s: got %v, want %s, with its line", tt.delivery, err, tt.want)
		}
	}
}
