package cases

import (
	"regexp"
	"strings"

	"github.com/nyaruka/phonenumbers"

	"khaibao/internal/areas"
	"khaibao/models"
)

// The kinds of search term.
const (
	termPhone      = "phone"
	termNationalID = "national_id"
	termName       = "name"
)

// Terms gives what a person's case is found by: the phone of the household, the identity number, and the name without
// diacritics as a whole and in every run of two words or more. Single words are left out: as keyed hashes they would
// give away by their frequency alone who is called Nguyễn.
func Terms(account *models.Account, personID string) []models.SearchTerm {
	person, ok := account.AnyPerson(personID)
	if !ok {
		return nil
	}
	out := []models.SearchTerm{{Kind: termPhone, Value: account.Phone}}
	if person.NationalID != "" {
		out = append(out, models.SearchTerm{Kind: termNationalID, Value: person.NationalID})
	}
	for _, run := range nameRuns(areas.Fold(person.Name)) {
		out = append(out, models.SearchTerm{Kind: termName, Value: run})
	}
	return out
}

func nameRuns(name string) []string {
	if name == "" {
		return nil
	}
	words := strings.Fields(name)
	if len(words) == 1 {
		return words
	}
	var runs []string
	for from := range words {
		for to := from + 2; to <= len(words); to++ {
			runs = append(runs, strings.Join(words[from:to], " "))
		}
	}
	return runs
}

var (
	blanks     = strings.NewReplacer(" ", "", ".", "", "-", "")
	identityNo = regexp.MustCompile(`^([0-9]{12}|[0-9]{9}|[A-Z][A-Z0-9]{5,11})$`)
)

// SearchQuery reads what an official typed as every term that it can mean: a phone, an identity number, a name.
func SearchQuery(typed string) []models.SearchTerm {
	out := []models.SearchTerm{}
	if number, err := phonenumbers.Parse(typed, "VN"); err == nil && phonenumbers.IsValidNumber(number) {
		out = append(out, models.SearchTerm{Kind: termPhone, Value: phonenumbers.Format(number, phonenumbers.E164)})
	}
	if id := strings.ToUpper(blanks.Replace(typed)); identityNo.MatchString(id) {
		out = append(out, models.SearchTerm{Kind: termNationalID, Value: id})
	}
	if name := areas.Fold(typed); name != "" {
		out = append(out, models.SearchTerm{Kind: termName, Value: name})
	}
	return out
}
