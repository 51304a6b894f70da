package dialogue_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"khaibao/internal/gsm"
	"khaibao/internal/rules"
	"khaibao/models"
)

// reader answers screens as a citizen does who knows what they want to say: by reading what is on them. It knows the
// program's short texts and nothing of how the dialogue works.
type reader struct {
	testing.TB
	program *rules.Program
	form    *rules.Form
	answers models.Answers
	dice    *rand.Rand
	send    func(string) string // types something and gives the next screen
	seen    int
}

// say goes through a whole form, from its first screen to the confirmation, which it leaves on the screen.
func (r *reader) say(screen string) string {
	r.Helper()
	send := r.send // whoever writes with accents is answered with them; this one does not mind
	r.send = func(typed string) string { return gsm.Unaccented(send(typed)) }
	screen = gsm.Unaccented(screen)
	for r.seen = 0; !r.isReview(screen); r.seen++ {
		if r.seen > 60 {
			r.Fatalf("no end of questions: %q", screen)
		}
		screen = r.send(r.answerTo(screen))
	}
	return screen
}

// confirm goes through a whole form, reads its review to the end, where it says how to confirm, and does.
func (r *reader) confirm(screen, offer, typed string) {
	r.Helper()
	screen = r.say(screen)
	for range 20 {
		if strings.Contains(screen, offer) {
			r.send(typed)
			return
		}
		screen = r.send("8")
	}
	r.Fatalf("a review without an end: %q", screen)
}

func (r *reader) isReview(screen string) bool {
	return strings.Contains(screen, "Ban khai:") || strings.Contains(screen, "Tra loi OK")
}

// lines reads all pages of a screen, as far as their numbers go on, and turns back to the first.
func (r *reader) lines(first string) []string {
	r.Helper()
	var lines []string
	again := false // the numbers began again: other lines than those of this screen
	screen := first
	for range 20 {
		page := strings.Split(screen, "\n")
		again = again || slices.ContainsFunc(page, func(line string) bool {
			return strings.HasPrefix(line, "1 ") && len(lines) > 0 && !slices.Contains(lines, line)
		})
		for _, line := range page {
			if !again && !slices.Contains(lines, line) {
				lines = append(lines, line)
			}
		}
		if !strings.HasPrefix(page[len(page)-1], "8 Tiep") {
			if screen == first {
				return lines
			}
		}
		if screen = r.send("8"); screen == first {
			return lines
		}
	}
	r.Fatalf("the pages of a screen never end: %q", first)
	return nil
}

// key gives the number in front of a text; empty when it is not on the screen.
func key(lines []string, text string) string {
	for _, line := range lines {
		if number, rest, ok := strings.Cut(line, " "); ok && rest == text {
			return number
		}
	}
	return ""
}

func (r *reader) answerTo(screen string) string {
	r.Helper()
	if strings.Contains(screen, "Khai tiep") {
		return "1"
	}
	if strings.Contains(screen, "115") && strings.HasSuffix(screen, "\n8 Tiep") { // what to do at once, and the review behind it
		return "8"
	}
	if strings.HasPrefix(screen, "Khai bao benh nao?") {
		return key(r.lines(screen), r.program.Short(models.Vietnamese))
	}
	lines := r.lines(screen)
	for i := range r.form.Groups {
		if g := &r.form.Groups[i]; lines[0] == g.Short(models.Vietnamese) {
			return r.group(g, lines)
		}
	}
	for i := range r.form.Questions {
		q := &r.form.Questions[i]
		if q.Group == "" && strings.HasPrefix(strings.Join(lines, " "), q.Short(models.Vietnamese)) {
			return r.one(q, lines)
		}
	}
	r.Fatalf("a screen that asks nothing of the program: %q", screen)
	return ""
}

// group names what has a yes, in one of the ways to type it.
func (r *reader) group(g *rules.Group, lines []string) string {
	var parts []string
	shown, unsure := 0, 0
	for _, id := range g.Questions {
		q, _ := r.form.Question(id)
		n := key(lines, q.Short(models.Vietnamese))
		if n == "" {
			continue
		}
		shown++
		switch r.answers[id] {
		case true, "yes":
			parts = append(parts, n)
		case "not_sure":
			parts, unsure = append(parts, "?"+n), unsure+1
		}
	}
	if len(parts) == 0 {
		return "0"
	}
	if unsure == shown && r.dice.IntN(2) == 0 {
		return "9"
	}
	r.dice.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
	if unsure > 0 {
		return strings.Join(parts, " ")
	}
	return strings.Join(parts, []string{"", " ", ",", ".", ", "}[r.dice.IntN(5)])
}

// skip finds the key that leaves a question unanswered.
func (r *reader) skip(lines []string) string {
	r.Helper()
	for _, line := range lines {
		if before, _, ok := strings.Cut(line, " Bo qua"); ok {
			parts := strings.Fields(before)
			return parts[len(parts)-1]
		}
	}
	r.Fatalf("no key to leave it out: %q", lines)
	return ""
}

func (r *reader) one(q *rules.Question, lines []string) string {
	r.Helper()
	answer, ok := r.answers[q.ID]
	if !ok {
		return r.skip(lines)
	}
	switch q.Type {
	case rules.TypeBoolean:
		return map[bool]string{true: "1", false: "2"}[answer.(bool)]
	case rules.TypeChoice:
		return r.option(q, answer.(string), lines)
	case rules.TypeChoices:
		return r.options(q, answer.([]string), lines)
	case rules.TypeInteger, rules.TypeDecimal:
		text := fmt.Sprint(answer)
		if r.dice.IntN(2) == 0 {
			text = strings.Replace(text, ".", ",", 1)
		}
		return text
	case rules.TypeDate:
		day := answer.(string)
		return day[8:] + day[5:7] + day[:4]
	case rules.TypeArea:
		return r.place(answer.(string))
	}
	return answer.(string)
}

// option turns the pages until its line is there.
func (r *reader) option(q *rules.Question, id string, lines []string) string {
	i := slices.IndexFunc(q.Options, func(o rules.Option) bool { return o.ID == id })
	text := q.Options[i].Short(models.Vietnamese)
	for range 4 {
		if n := key(lines, text); n != "" {
			return n
		}
		lines = strings.Split(r.send("8"), "\n")
	}
	r.Fatalf("%s is on no page", text)
	return ""
}

// options names those of this screen; the dialogue shows the next seven by itself, so only the last answer is given back.
func (r *reader) options(q *rules.Question, ids []string, lines []string) string {
	for {
		var parts []string
		more := false
		for i := range q.Options {
			n := key(lines, q.Options[i].Short(models.Vietnamese))
			if n != "" && slices.Contains(ids, q.Options[i].ID) {
				parts = append(parts, n)
			}
			if n != "" && i%7 == 6 && i+1 < len(q.Options) {
				more = true
			}
		}
		typed := strings.Join(parts, "")
		if typed == "" {
			typed = "0"
		}
		if !more {
			return typed
		}
		lines = r.lines(r.send(typed))
	}
}

// place types the name of a commune and finds its line.
func (r *reader) place(code string) string {
	r.Helper()
	s, err := loadShared()
	must(r, err)
	commune, _ := s.areas.Get(code)
	province, _ := s.areas.Get(commune.Parent)
	bare := strings.TrimPrefix(strings.TrimPrefix(province.Name, "Tỉnh "), "Thành phố ")
	screen := r.send(gsm.Unaccented(commune.Name + " " + bare))
	want := gsm.Unaccented(commune.Name + ", " + bare)
	for range 12 {
		for _, line := range strings.Split(screen, "\n") {
			if n, rest, ok := strings.Cut(line, " "); ok && rest == want {
				if _, err := strconv.Atoi(n); err == nil {
					return n
				}
			}
		}
		screen = r.send("8")
	}
	r.Fatalf("%s is not found", want)
	return ""
}
