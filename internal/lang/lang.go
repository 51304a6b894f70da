// Package lang holds the product's own texts in Vietnamese and English and chooses a reader's language. The texts of a
// disease program belong to the program.
package lang

import (
	"embed"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"github.com/goccy/go-yaml"
	"golang.org/x/text/language"

	"khaibao/models"
)

//go:embed *.yaml
var embedded embed.FS

// Texts gives texts by key. It never changes and is safe for concurrent use.
type Texts struct {
	byLang map[models.Lang]map[string]text
}

// Load reads the embedded texts. It fails when a language misses a key or a {placeholder} that the other has.
func Load() (*Texts, error) { return load(embedded) }

func load(files fs.FS) (*Texts, error) {
	t := &Texts{byLang: map[models.Lang]map[string]text{}}
	for _, l := range []models.Lang{models.Vietnamese, models.English} {
		t.byLang[l] = map[string]text{}
		names, err := fs.Glob(files, "*."+string(l)+".yaml") // of a part of the product, such as the console
		if err != nil {
			return nil, fmt.Errorf("lang: %w", err)
		}
		for _, name := range append(names, string(l)+".yaml") {
			texts, err := readFile(files, name)
			if err != nil {
				return nil, err
			}
			maps.Copy(t.byLang[l], texts)
		}
	}
	return t, sameShape(t.byLang[models.Vietnamese], t.byLang[models.English])
}

func readFile(files fs.FS, name string) (map[string]text, error) {
	content, err := fs.ReadFile(files, name)
	if err != nil {
		return nil, fmt.Errorf("lang: %w", err)
	}
	var tree map[string]any
	if err := yaml.Unmarshal(content, &tree); err != nil {
		return nil, fmt.Errorf("lang: %s: %w", name, err)
	}
	texts := map[string]text{}
	if err := flatten("", tree, texts); err != nil {
		return nil, fmt.Errorf("lang: %s: %w", name, err)
	}
	return texts, nil
}

// flatten joins the keys of nested sections with dots.
func flatten(prefix string, tree map[string]any, into map[string]text) error {
	for key, value := range tree {
		key = prefix + key
		switch value := value.(type) {
		case map[string]any:
			if err := flatten(key+".", value, into); err != nil {
				return err
			}
		case string:
			parsed, err := parseText(value)
			if err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
			into[key] = parsed
		default:
			return fmt.Errorf("%s is neither a text nor a section", key)
		}
	}
	return nil
}

func sameShape(vi, en map[string]text) error {
	for key, text := range vi {
		other, ok := en[key]
		if !ok {
			return fmt.Errorf("lang: en.yaml has no %s", key)
		}
		for _, optional := range []bool{false, true} {
			if a, b := text.placeholders(optional), other.placeholders(optional); !slices.Equal(a, b) {
				return fmt.Errorf("lang: %s has the placeholders %v in vi.yaml and %v in en.yaml", key, a, b)
			}
		}
	}
	for key := range en {
		if _, ok := vi[key]; !ok {
			return fmt.Errorf("lang: vi.yaml has no %s", key)
		}
	}
	return nil
}

// Text gives the text of a key, such as "error.not_found.detail" or "field.required", in a language; any language but
// English is Vietnamese. args fill the {placeholders}; one that is not given stays as it stands, or takes the [optional
// part] around it away. A key without a text gives the key.
func (t *Texts) Text(l models.Lang, key string, args map[string]any) string {
	if l != models.English {
		l = models.Vietnamese
	}
	text, ok := t.byLang[l][key]
	if !ok {
		return key
	}
	return text.fill(l, args)
}

// Has tells whether there is a text of that key.
func (t *Texts) Has(key string) bool {
	_, ok := t.byLang[models.Vietnamese][key]
	return ok
}

// maxAcceptLanguage is longer than what any browser sends.
const maxAcceptLanguage = 512

// Match gives the language that suits an Accept-Language header best, by its quality values (RFC 9110, 12.5.4).
// It is Vietnamese when the header is empty, cannot be read or names neither language.
func Match(acceptLanguage string) models.Lang {
	if acceptLanguage == "" || len(acceptLanguage) > maxAcceptLanguage {
		return models.Vietnamese
	}
	wanted, quality, err := language.ParseAcceptLanguage(acceptLanguage)
	if err != nil {
		return models.Vietnamese
	}
	for i, tag := range wanted { // the best quality comes first
		base, _ := tag.Base()
		switch l := models.Lang(base.String()); {
		case quality[i] <= 0: // "anything but this"
		case l == models.Vietnamese, l == models.English:
			return l
		}
	}
	return models.Vietnamese
}
