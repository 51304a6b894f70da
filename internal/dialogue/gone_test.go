package dialogue_test

import (
	"strings"
	"testing"
	"time"

	"khaibao/internal/store/storetest"
	"khaibao/models"
)

// gone is what a screen says above the start once what it was about is not there any more.
const gone = "Nguoi hoac du lieu nay khong con nua. Viec do da bo, chua gui gi.\n"

// family makes a household of the owner and a mother, with a PIN.
func (p *phone) family() (self, mother string) {
	p.Helper()
	p.dial()
	p.press("1", "1", "1958", "2", "bac son lang son", "1", "2580", "1", "0", "0", "0", "0", "1")
	p.dial()
	p.press("4", "2", "3", "1935", "2", "bac son lang son", "1", "1")
	people := p.account().People
	return people[0].ID, people[1].ID
}

func (p *phone) citizen() models.Citizen {
	return models.Citizen{Account: p.account().ID, Channel: models.ChannelApp}
}

// A relative is taken off the list, or the household erased, by the app while a form about them is open on a phone: what is
// typed next answers nothing, and the start says why.
func TestWhatTheFormIsAboutGoesAway(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]func(p *phone, mother string){
		"removed": func(p *phone, mother string) {
			_, err := p.intake.RemovePerson(p.Context(), p.citizen(), mother)
			must(p, err)
		},
		"erased": func(p *phone, _ string) {
			_, err := p.privacy.Erase(p.Context(), p.citizen())
			must(p, err)
		},
		"erased and forgotten": func(p *phone, _ string) {
			citizen := p.citizen()
			_, err := p.privacy.Erase(p.Context(), citizen)
			must(p, err)
			must(p, p.privacy.Forget(p.Context(), citizen.Account))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, storetest.Memory(t))
			for i, at := range [][]string{{}, {"1"}, {"1", "13"}, {"1", "0", "1"}, {"1", "0", "0", "0", "0"}, {"1", "0", "0", "0", "0", "2"}} {
				for j, typed := range []string{"1", "0", "00", "8"} {
					p := r.phone(10*i + j)
					_, mother := p.family()
					p.dial()
					p.press(append([]string{"1", "2"}, at...)...)
					had := len(p.declared())
					leave(p, mother)
					if got := p.press(typed); got != gone+"KHAI BAO Y TE\n1 Khai bao\n2 Cap nhat hom nay\n3 Ket qua gan nhat\n4 Nguoi nha\n5 Quyen rieng tu\n6 Tro giup\n9 English" {
						t.Errorf("USSD, %v, then %q: %q", at, typed, got)
					}
					if account := p.account(); account != nil && !account.Erased() && len(p.declared()) != had {
						t.Errorf("USSD, %v, then %q: something was declared", at, typed)
					}
				}
			}
			for i, typed := range []string{"1", "OK", "0 1", "SUA", "co sot"} {
				p := r.phone(100 + i)
				_, mother := p.family()
				p.sms("KB COVID NHA", "2", "0", "0", "0")
				if got := p.sms("0"); !strings.HasPrefix(got, "Khai cho me.") {
					t.Fatalf("no review: %q", got)
				}
				leave(p, mother)
				if got := p.sms(typed); !strings.HasPrefix(got, gone+"Nhan KB") {
					t.Errorf("SMS %q: %q", typed, got)
				}
			}
		})
	}
}

// The same form cannot be taken up again in a later call.
func TestNoResumingOfWhatIsGone(t *testing.T) {
	t.Parallel()
	p := newRig(t, storetest.Memory(t)).phone(1)
	_, mother := p.family()
	p.dial()
	p.press("1", "2", "1", "13")
	_, err := p.intake.RemovePerson(t.Context(), p.citizen(), mother)
	must(t, err)
	if got := p.dial(); !strings.HasPrefix(got, gone+"KHAI BAO Y TE") {
		t.Errorf("the next call begins with %q", got)
	}
}

// A household that was erased by the app meanwhile has no consents to take back, no results and no PIN: each screen says so.
// Whoever confirms its erasure hears that it is erased.
func TestErasedMeanwhile(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Memory(t))
	for i, at := range [][]string{{"5", "1"}, {"5", "3"}, {"5", "3", "2580"}, {"3"}, {"4", "2"}, {"4", "2", "3"}} {
		p := r.phone(i)
		p.family()
		p.dial()
		p.press(at...)
		_, err := p.privacy.Erase(t.Context(), p.citizen())
		must(t, err)
		want := gone + "KHAI BAO Y TE"
		if len(at) == 3 && at[0] == "5" {
			want = "Da xoa."
		}
		if got := p.press("1"); !strings.HasPrefix(got, want) {
			t.Errorf("%v leads to %q", at, got)
		}
	}
}

// An erased number is not asked to go on with what was erased.
func TestNoNudgeAfterErasure(t *testing.T) {
	t.Parallel()
	for _, begun := range [][]string{{"KB COVID", "1"}, {"KB COVID NHA", "3", "2", "2015"}} {
		r := newRig(t, storetest.Memory(t))
		p := r.phone(1)
		p.family()
		p.sms(begun...)
		citizen := p.citizen()
		_, err := p.privacy.Erase(t.Context(), citizen)
		must(t, err)
		must(t, p.privacy.Forget(t.Context(), citizen.Account))
		for range 3 {
			r.wait(25 * time.Hour)
			must(t, r.dialogue.Nudge(t.Context()))
		}
		if got := r.due(); len(got) > 0 {
			t.Errorf("%q: %q was sent", begun, got[0].Text)
		}
	}
}

// Two first uses at once: what was answered in the one that comes second stays, and is shown again for the one who is known
// by then.
func TestFirstUseByBothChannels(t *testing.T) {
	t.Parallel()
	p := newRig(t, storetest.Memory(t)).phone(1)
	p.dial()
	review := p.press("1", "1", "1960", "2", "bac son lang son", "1", "2580", "1", "13", "0", "1", "0")
	p.sms(append(begun, "0", "0", "0", "OK")...)
	if got, want := p.press("1"), "So nay da co nguoi la Toi, sinh 1958: khai cho nguoi do.\n"+review; got != want {
		t.Fatalf("the review: %q, want %q", got, want)
	}
	if got := p.press("1"); !p.ended || len(p.declared()) != 2 || len(p.account().People) != 1 {
		t.Errorf("%d declarations of %d people: %q", len(p.declared()), len(p.account().People), got)
	}
}

// A list of people that was changed by the app while it was read is shown again: its numbers mean others by then.
func TestListChangesWhileItIsRead(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Memory(t))
	for i, c := range []struct {
		at   []string
		want string
	}{
		{[]string{"1"}, "Khai cho ai?\n1 Toi\n2 con\n3 Nguoi khac"}, {[]string{"2"}, "Cap nhat cho ai?\n1 Toi\n2 con"}, {[]string{"3"}, "Xem ket qua cua ai?\n1 Toi\n2 con"},
		{[]string{"4"}, "Nguoi nha\n1 Toi\n2 con\n3 Them nguoi"},
	} {
		p := r.phone(i)
		_, mother := p.family()
		p.dial()
		p.press("4", "3", "2", "2015", "1", "bac son lang son", "1", "1")
		p.dial()
		p.press(c.at...)
		_, err := p.intake.RemovePerson(t.Context(), p.citizen(), mother)
		must(t, err)
		if got, want := p.press("2"), "Danh sach vua thay doi. Hay chon lai.\n"+c.want+"\n0 Quay lai"; got != want {
			t.Errorf("%v: %q, want %q", c.at, got, want)
		}
		if got := p.press("2"); strings.HasPrefix(got, "Danh sach") {
			t.Errorf("%v, chosen again: %q", c.at, got)
		}
	}
}

// What was answered for one person is never taken for another, whoever they go back to; for the same one it stays.
func TestAnswersStayWithTheirPerson(t *testing.T) {
	t.Parallel()
	p := newRig(t, storetest.Memory(t)).phone(1)
	self, mother := p.family()
	had := len(p.declared())
	p.dial()
	for _, other := range []string{"2", "3"} {
		back := p.press("1", "1", "1", "13", "00", "00", "0") // for myself, COVID-19, fever and breathless; and back to whom
		if !strings.Contains(back, "Khai cho ai") {
			t.Fatalf("not back at whom: %q", back)
		}
		asked := p.press(other)
		if other == "3" {
			asked = p.press("1", "1950", "1", "bac son lang son", "1")
		}
		if !strings.Contains(asked, "1 ") || strings.Contains(asked, "Ngay luc nay") {
			t.Errorf("%s is not asked from the beginning: %q", other, asked)
		}
		p.dial()
		if again := p.press("2"); !strings.Contains(again, "Khai bao") {
			t.Fatalf("not at the start: %q", again)
		}
	}
	p.press("1", "1", "1", "13", "00", "00", "0")
	if same := p.press("1"); strings.Contains(same, "Khai cho ai") {
		t.Errorf("the same person again: %q", same)
	}
	if got := len(p.declared()); got != had {
		t.Errorf("%d declarations of %s and %s were made on the way", got-had, self, mother)
	}
}
