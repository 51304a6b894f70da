package models

import (
	"regexp"
	"testing"
)

func TestReceipt(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^[2-9A-HJ-NP-Z]{4}-[2-9A-HJ-NP-Z]{3}$`)
	seen := map[string]string{}
	for _, id := range []string{"", "a", "019ac000-0000-7000-8000-000000000001", "019ac000-0000-7000-8000-000000000002"} {
		code := Receipt(id)
		if !form.MatchString(code) || code != Receipt(id) || seen[code] != "" {
			t.Errorf("%q has the receipt %s", id, code)
		}
		seen[code] = id + "."
	}
}
