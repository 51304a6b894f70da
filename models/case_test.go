package models

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The last twenty assessments stand behind the present one.
func TestAssess(t *testing.T) {
	t.Parallel()
	var c Case
	var want []Assessment
	for i := range 25 {
		a := Assessment{Level: LevelHigh, Reason: string(rune('a' + i)), By: "an.nguyen"}
		c.Assess(a)
		want = append(want, a)
	}
	if diff := cmp.Diff(want[4:], c.Assessments()); diff != "" || *c.Assessment != want[24] {
		t.Errorf("%+v %s", c.Assessment, diff)
	}
}
