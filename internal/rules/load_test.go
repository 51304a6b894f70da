package rules_test

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"khaibao/internal/rules"
)

// small is a program with a question of every kind, which the cases below break in one place each.
const small = `id: test
version: 1
name: {vi: Thử nghiệm, en: Test}
legal_basis: {vi: Luật, en: Law}
disease: {icd10: [A00]}
valid: {from: 2026-01-01, until: 2026-12-31}
factors:
- {id: emergency_sign, text: {vi: dấu hiệu nguy hiểm, en: emergency sign}}
- {id: fever, text: {vi: sốt, en: fever}}
emergency:
  reason: {vi: "Nguy hiểm: {answers}.", en: "Danger: {answers}."}
forms:
  declaration:
    base: low
    groups:
    - {id: signs, text: {vi: Dấu hiệu, en: Signs}}
    questions:
    - {id: chest_pain, type: boolean, emergency: true, group: signs, text: {vi: Đau ngực, en: Chest pain}}
    - {id: fever, type: boolean, text: {vi: Sốt, en: Fever}}
    - {id: cough, type: boolean, text: {vi: Ho, en: Cough}}
    - id: temperature
      type: decimal
      min: 30
      max: 45
      text: {vi: Nhiệt độ, en: Temperature}
      enable_when:
        all:
        - {question: fever, operator: "=", answer: true}
    - id: contact
      type: choice
      text: {vi: Tiếp xúc, en: Contact}
      options:
      - {id: "yes", text: {vi: Có, en: "Yes"}}
      - {id: "no", text: {vi: Không, en: "No"}}
    - id: conditions
      type: choices
      text: {vi: Bệnh nền, en: Conditions}
      options: [{id: diabetes, text: {vi: Tiểu đường, en: Diabetes}}, {id: cancer, text: {vi: Ung thư, en: Cancer}}]
    - {id: pulse, type: integer, min: 20, max: 250, text: {vi: Mạch, en: Pulse}}
    - {id: remark, type: text, max: 100, text: {vi: Ghi chú, en: Remark}}
    rules:
    - id: fever
      when: fever && temperature > 38.0
      level: moderate
      factors: [fever]
      text: {vi: Có sốt., en: Fever.}
    - id: block
      when: |
        fever
        && contact == "yes"
      level: high
      text: {vi: Sốt và tiếp xúc., en: Fever and contact.}
levels:
  low: {name: {vi: Thấp, en: Low}, advice: {app: {vi: Khỏe., en: Well.}, sms: {vi: Khoe., en: Well.}}}
  moderate:
    name: {vi: Trung bình, en: Moderate}
    advice: {app: {vi: Ở nhà., en: Stay home.}, sms: {vi: O nha., en: Stay home.}}
    deadline: {within: 48h, since: 2020-01-01, source: own rule}
    follow_up: {days: 14, times: ["08:00"], lower_days: 3}
  high: {name: {vi: Cao, en: High}, advice: {app: {vi: Ở nhà., en: Stay home.}, sms: {vi: O nha., en: Stay home.}}}
  emergency: {name: {vi: Khẩn cấp, en: Emergency}, advice: {app: {vi: Gọi 115., en: Call 115.}, sms: {vi: Goi 115., en: Call 115.}}}
ladder:
  quiet: {from: "21:00", to: "07:00"}
  steps:
  - {after: 2h, do: push}
  - {after: 6h, do: sms}
examples:
- name: fever
  age: 30
  answers: {fever: true, temperature: 38.5}
  level: moderate
  factors: [fever]
`

func load(content string) error {
	_, err := rules.Load(rules.Options{}, rules.Source{Name: "programs", FS: fstest.MapFS{"test/1.yaml": {Data: []byte(content)}}})
	return err
}

func TestLoadSmall(t *testing.T) {
	t.Parallel()
	if err := load(small); err != nil {
		t.Fatalf("\n%v", err)
	}
	if failures := program(t, small).RunExamples(); failures != nil {
		t.Error(failures)
	}
}

// Every mistake is refused with file, line, column and what to do.
func TestLoadRefuses(t *testing.T) {
	t.Parallel()
	const file = "programs/test/1.yaml:"
	tests := []struct {
		name, old, new string
		want           []string // all problems
	}{
		{"unknown key", "legal_basis:", "legal_bases:",
			[]string{
				`1:1: legal_basis is missing (add "legal_basis: ...")`,
				`4:1: unknown key "legal_bases" (did you mean legal_basis?)`}},
		{"unknown key deep", "base: low", "base: low\n    bse: low",
			[]string{`15:5: unknown key "bse" (did you mean base?)`}},
		{"missing key", "valid: {from: 2026-01-01, until: 2026-12-31}\n", "",
			[]string{`1:1: valid is missing (add "valid: ...")`}},
		{"key without value", "version: 1", "version:",
			[]string{"2:1: version has no value (give it a value or take the key out)"}},
		{"duplicate key", "version: 1", "version: 1\nversion: 2",
			[]string{`3:1: not valid YAML: mapping key "version" already defined at [2:1] (check the indentation (blanks only, no tabs), the colons and the quotes near here)`}},
		{"bad indentation", "      min: 30", "     min: 30",
			[]string{"23:6: not valid YAML: value is not allowed in this context (check the indentation (blanks only, no tabs), the colons and the quotes near here)"}},
		{"tab", "      min: 30", "\tmin: 30",
			[]string{"23:1: not valid YAML: found character '\t' that cannot start any token (check the indentation (blanks only, no tabs), the colons and the quotes near here)"}},
		{"unclosed bracket", "factors: [fever]\n      text", "factors: [fever\n      text",
			[]string{"46:7: not valid YAML: ',' or ']' must be specified (check the indentation (blanks only, no tabs), the colons and the quotes near here)"}},
		{"list instead of keys", "valid: {from: 2026-01-01, until: 2026-12-31}", "valid: [2026-01-01]",
			[]string{`6:8: keys with values are expected here, not a list (write "key: value" lines)`}},
		{"text instead of list", "factors: [fever]\n      text", "factors: fever\n      text",
			[]string{`45:16: a list is expected here, not a text (write each entry on a line that begins with "- ")`}},
		{"boolean instead of text", "en: Cough}", "en: true}",
			[]string{`20:53: a text is expected here, not true or false (put it in quotes: "true")`}},
		{"text instead of number", "min: 30", `min: "30"`,
			[]string{"23:12: a number is expected here, not a text (write digits, without quotes)"}},
		{"text instead of boolean", "emergency: true", "emergency: yes",
			[]string{
				"14:5: the form declaration has no emergency signs (ask for the signs, such as trouble breathing at rest, and mark each with emergency: true)",
				"18:50: true or false is expected here, not a text (write true or false, without quotes)"}},
		{"alias without anchor", "level: moderate\n      factors", "level: *moderate\n      factors",
			[]string{"44:14: no anchor &moderate above this alias (an alias follows its anchor)"}},
		{"two documents", "examples:", "---\nexamples:",
			[]string{"1:1: the file must hold exactly one YAML document (one file holds one version of one program)"}},
		{"missing translation", "text: {vi: Ho, en: Cough}", "text: {vi: Ho}",
			[]string{`20:40: en is missing (add "en: ...")`}},
		{"empty translation", "text: {vi: Ho, en: Cough}", `text: {vi: "", en: Cough}`,
			[]string{"20:45: the text is empty (every text is there in Vietnamese and in English)"}},
		{"brackets in a short text", "text: {vi: Ho, en: Cough}", "text: {vi: Ho, en: Cough}, short: {vi: \"Ho [1]\", en: Cough}",
			[]string{`20:73: "[" cannot be sent by SMS (SMS and USSD carry plain letters only, besides the accents of Vietnamese; give a short text)`}},
		{"short text too long", "text: {vi: Ho, en: Cough}", "text: {vi: Ho, en: Cough Cough Cough Cough Cough Cough Cough Cough Cough Cough Cough Cough }",
			[]string{"20:40: the text is too long for a keypad: 60 letters at most (give a short text of fewer letters)"}},
		{"bad id", "id: cough", "id: Cough",
			[]string{`20:12: "Cough" is not an id (lower-case letters, digits and single _ between them, the first a letter)`}},
		{"reserved id", "id: cough", "id: age",
			[]string{`20:12: "age" has a meaning of its own in rules (choose another id)`}},
		{"question twice", "id: cough", "id: fever",
			[]string{`20:12: "fever" is there twice (each id stands once)`}},
		{"rule twice", "id: block", "id: fever",
			[]string{`47:11: "fever" is there twice (each id stands once)`}},
		{"option twice", `id: "no"`, `id: "yes"`,
			[]string{`34:14: "yes" is there twice (each id stands once)`}},
		{"factor twice", "- {id: fever, text: {vi: sốt", "- {id: emergency_sign, text: {vi: sốt",
			[]string{
				`9:8: "emergency_sign" is there twice (each id stands once)`,
				`45:17: no factor "fever" (one of: emergency_sign, emergency_sign)`,
				`72:13: no factor "fever" (one of: emergency_sign, emergency_sign)`}},
		{"unknown question type", "type: decimal", "type: decimals",
			[]string{`22:13: "decimals" is no question type (did you mean decimal?)`}},
		{"unknown level", "level: high", "level: hihg",
			[]string{`51:14: "hihg" is no level (did you mean high?)`}},
		{"unknown base", "base: low", "base: lowest",
			[]string{`14:11: "lowest" is no level (one of: none, low, moderate, high, emergency)`}},
		{"unknown factor", "factors: [fever]\n      text", "factors: [fevr]\n      text",
			[]string{`45:17: no factor "fevr" (did you mean fever?)`}},
		{"unknown group", "group: signs", "group: sign",
			[]string{
				"16:7: the group signs has 0 questions (a keypad screen has 1 to 7 questions)",
				`18:63: no group "sign" (did you mean signs?)`}},
		{"number in a group", "type: decimal", "type: decimal\n      group: signs",
			[]string{"23:14: only boolean questions and choices of yes, no, not_sure stand in a group (take group out: the question gets a screen of its own)"}},
		{"empty group", "group: signs, ", "",
			[]string{"16:7: the group signs has 0 questions (a keypad screen has 1 to 7 questions)"}},
		{"no options", "      options:\n      - {id: \"yes\", text: {vi: Có, en: \"Yes\"}}\n      - {id: \"no\", text: {vi: Không, en: \"No\"}}\n", "",
			[]string{"29:7: contact has no options to choose from (add options: with an id and a text each)"}},
		{"options of a boolean", "{id: cough, type: boolean,", "{id: cough, type: boolean, options: [{id: a, text: {vi: A, en: A}}],",
			[]string{"20:44: a question of type boolean has no options (only choice and choices have options)"}},
		{"min above max", "min: 30", "min: 50",
			[]string{"23:12: min is greater than max (exchange them)"}},
		{"number without bounds", "      min: 30\n      max: 45\n", "",
			[]string{"21:7: temperature needs min and max (the least and the greatest plausible value)"}},
		{"bounds of a date", "type: integer, min: 20, max: 250", "type: date, min: -0.5, max: -10",
			[]string{
				"39:36: -0.5 does not fit (bounds lie within 45000; those of an integer or a date are whole)",
				"39:36: min is greater than max (exchange them)"}},
		{"date before its usual bound", "type: integer, min: 20, max: 250", "type: date, max: -400",
			[]string{"39:36: min is greater than max (exchange them)"}},
		{"date far away", "type: integer, min: 20, max: 250", "type: date, min: 20, max: 50000",
			[]string{"39:45: 50000 does not fit (bounds lie within 45000; those of an integer or a date are whole)"}},
		{"text without max", "max: 100, ", "",
			[]string{"40:7: remark needs max (how many characters an answer may have, such as max: 200)"}},
		{"bounds of a boolean", "{id: cough, type: boolean,", "{id: cough, type: boolean, min: 1,",
			[]string{"20:39: a question of type boolean has no min (take min out)"}},
		{"enable_when of an unknown question", "{question: fever, operator", "{question: feverr, operator",
			[]string{`28:22: no question "feverr" before this one (did you mean fever?)`}},
		{"enable_when of a later question", `{question: fever, operator: "=", answer: true}`, `{question: contact, operator: "=", answer: "yes"}`,
			[]string{`28:22: no question "contact" before this one (one of: chest_pain, fever, cough)`}},
		{"enable_when with a wrong answer", `operator: "=", answer: true`, `operator: "=", answer: 3`,
			[]string{"28:52: the answer does not fit fever, which is of type boolean (true or false)"}},
		{"enable_when with a wrong operator", `operator: "=", answer: true`, `operator: ">", answer: true`,
			[]string{"28:39: a question of type boolean cannot be compared with > (for this type there are exists, = and !=)"}},
		{"enable_when with an unknown operator", `operator: "="`, "operator: equals",
			[]string{`28:39: "equals" is no operator (one of: exists, =, !=, >, <, >=, <=)`}},
		{"enable_when with neither", "        all:\n        - {question: fever, operator: \"=\", answer: true}", "        all: []",
			[]string{"27:9: enable_when holds either all or any (write all: or any: with a list of conditions)"}},
		{"emergency sign with enable_when", "emergency: true,", "emergency: true, enable_when: {all: [{question: fever, operator: exists, answer: true}]},",
			[]string{
				"18:69: an emergency sign is always asked (take enable_when out)",
				`18:87: no question "fever" before this one (there is none)`}},
		{"emergency sign that is no boolean", "{id: chest_pain, type: boolean, emergency: true, group: signs,", "{id: chest_pain, type: date, emergency: true,",
			[]string{
				"16:7: the group signs has 0 questions (a keypad screen has 1 to 7 questions)",
				"18:47: an emergency sign is a yes or no (ask it as a boolean)"}},
		{"no emergency sign", "emergency: true, ", "",
			[]string{"14:5: the form declaration has no emergency signs (ask for the signs, such as trouble breathing at rest, and mark each with emergency: true)"}},
		{"no emergency factor", "id: emergency_sign,", "id: emergency,",
			[]string{"8:3: the factor emergency_sign is missing: emergency signs give it in every program (list its text among the factors)"}},
		{"emergency without 115", "vi: Gọi 115.", "vi: Đi khám. Gọi 115.",
			[]string{"61:71: the first sentence of the emergency advice does not say to call 115 (begin with it: Gọi ngay 115 ...)"}},
		{"level without texts", "  high: {name", "  none: {name",
			[]string{`54:3: the level high can come out but has no texts (add "high:" with name and advice)`}},
		{"rule without effect", "      level: high\n", "",
			[]string{"47:7: the rule block gives neither a level nor a factor (add level: or factors:)"}},
		{"wrong placeholder", "vi: Có sốt.", "vi: 'Có sốt: {answer}.'",
			[]string{"46:18: {answer} is not a placeholder (the only one is {answers})"}},
		{"CEL unknown question", "fever && temperature > 38.0", "fevr && temperature > 38.0",
			[]string{"43:13: fevr is not a question of the form declaration (did you mean fever?)"}},
		{"CEL type error", "temperature > 38.0", "fever > 3",
			[]string{"43:28: > cannot be applied to (boolean, integer) (fever is boolean)"}},
		{"CEL not a boolean", "fever && temperature > 38.0", "temperature + 1.0",
			[]string{"43:13: a rule must be true or false, but this is decimal (compare it with something, such as == or >=)"}},
		{"CEL syntax", "fever && temperature > 38.0", "fever &&",
			[]string{"43:21: Syntax error: mismatched input '<EOF>' (an expression of CEL is expected, such as fever && age > 65)"}},
		{"CEL in quotes", "fever && temperature > 38.0", `"fever && cuogh"`,
			[]string{"43:23: cuogh is not a question of the form declaration (did you mean cough?)"}},
		{"CEL in a block", `&& contact == "yes"`, `&& contcat == "yes"`,
			[]string{"50:12: contcat is not a question of the form declaration (did you mean contact?)"}},
		{"CEL in a folded block", "      when: |\n        fever\n        && contact == \"yes\"", "      when: >-\n        fever\n        && contcat == \"yes\"",
			[]string{"50:12: contcat is not a question of the form declaration (did you mean contact?)"}},
		{"CEL over several plain lines", "when: fever && temperature > 38.0", "when: fever\n        && tmperature > 38.0",
			[]string{"44:12: tmperature is not a question of the form declaration (did you mean temperature?)"}},
		{"CEL unknown option", `contact == "yes"`, `contact == "yess"`,
			[]string{`50:23: "yess" is not an option of contact (did you mean yes?)`}},
		{"CEL unknown options in a list", `contact == "yes"`, `contact in ["yes", "maybe"]`,
			[]string{`50:31: "maybe" is not an option of contact (one of: yes, no)`}},
		{"CEL unknown chosen option", "fever && temperature > 38.0", `'"asthma" in conditions'`,
			[]string{`43:14: "asthma" is not an option of conditions (one of: diabetes, cancer)`}},
		{"CEL unknown sex", "fever && temperature > 38.0", `sex == "woman"`,
			[]string{`43:20: "woman" is not an option of sex (one of: male, female, other)`}},
		{"CEL text question", "fever && temperature > 38.0", `remark == "x"`,
			[]string{"43:13: remark is a text, and rules do not read texts (ask for it with a choice)"}},
		{"CEL unknown function", "fever && temperature > 38.0", "days_sinse(temperature) > 3",
			[]string{"43:23: rules have no days_sinse (they have && || ! == != < <= > >= + - in, size(), exists(), all(), at_least() and days_since())"}},
		{"CEL division", "fever && temperature > 38.0", "temperature / 2.0 > 19.0",
			[]string{"43:25: rules have no / (they have && || ! == != < <= > >= + - in, size(), exists(), all(), at_least() and days_since())"}},
		{"CEL conditional", "fever && temperature > 38.0", "'fever ? cough : false'",
			[]string{"43:20: rules have no ? : (they have && || ! == != < <= > >= + - in, size(), exists(), all(), at_least() and days_since())"}},
		{"CEL index", "fever && temperature > 38.0", `conditions[0] == "cancer"`,
			[]string{"43:23: rules have no [ ] (they have && || ! == != < <= > >= + - in, size(), exists(), all(), at_least() and days_since())"}},
		{"CEL list of optional questions", "fever && temperature > 38.0", "'[fever, cough].exists(x, x)'",
			[]string{"43:14: a list of answers is unknown as soon as one of them is unanswered (count with at_least(2, fever, cough, ...): it is true as soon as enough answers are, whatever is unanswered)"}},
		{"CEL size of a list of questions", "fever && temperature > 38.0", "size([fever, cough]) > 1",
			[]string{
				"43:17: size() counts the options chosen in a choices question, nothing else (count with at_least(2, fever, cough, ...): it is true as soon as enough answers are, whatever is unanswered)",
				"43:18: a list of answers is unknown as soon as one of them is unanswered (count with at_least(2, fever, cough, ...): it is true as soon as enough answers are, whatever is unanswered)"}},
		{"CEL size of a choice", "fever && temperature > 38.0", "size(contact) > 1",
			[]string{"43:17: size() counts the options chosen in a choices question, nothing else (count with at_least(2, fever, cough, ...): it is true as soon as enough answers are, whatever is unanswered)"}},
		{"CEL sum of optional questions", "fever && temperature > 38.0", "size(conditions) + pulse > 100",
			[]string{"43:30: a sum of answers is unknown as soon as one of them is unanswered (count with at_least(2, fever, cough, ...): it is true as soon as enough answers are, whatever is unanswered)"}},
		{"CEL map", "fever && temperature > 38.0", `'{"a": fever} == {"a": true}'`,
			[]string{
				"43:14: rules have no maps (compare answers instead)",
				"43:30: rules have no maps (compare answers instead)"}},
		{"CEL at_least without a number", "fever && temperature > 38.0", "at_least(age, fever, cough)",
			[]string{"43:22: at_least begins with a number from 1 to 2, the number of its conditions (write the number itself)"}},
		{"CEL at_least too many", "fever && temperature > 38.0", "at_least(3, fever, cough)",
			[]string{"43:22: at_least begins with a number from 1 to 2, the number of its conditions (write the number itself)"}},
		{"CEL large number", "fever && temperature > 38.0", "age > 10000000000",
			[]string{"43:19: numbers in rules lie between -1000000000 and 1000000000"}},
		{"CEL too costly", "fever && temperature > 38.0", `conditions.all(a, conditions.all(b, conditions.all(c, conditions.all(d, conditions.all(e, conditions.all(f, conditions.all(g, conditions.all(h, conditions.all(i, conditions.all(j, conditions.all(k, conditions.all(l, conditions.all(m, conditions.all(n, conditions.all(o, o == "cancer")))))))))))))))`,
			[]string{"43:13: the rule could cost 327672 units, more than the 10000 that one rule may (split the rule, or nest exists() and all() less deeply)"}},
		{"CEL too long", "fever && temperature > 38.0", "fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever && fever",
			[]string{"43:13: the rule is longer than 2000 characters (split the rule)"}},
		{"bad date", "from: 2026-01-01", "from: 2026-02-30",
			[]string{`6:15: "2026-02-30" is not a date (write year-month-day, such as 2026-01-31)`}},
		{"ends before it begins", "until: 2026-12-31", "until: 2025-12-31",
			[]string{"6:34: the program ends before it begins (until is the last day, from the first)"}},
		{"bad deadline", "within: 48h", "within: two days",
			[]string{`58:24: "two days" is not a length of time (write hours or minutes, such as 24h or 90m, up to 720h)`}},
		{"bad time of day", `times: ["08:00"]`, `times: ["8h"]`,
			[]string{`59:35: "8h" is not a time of day (write hours and minutes in quotes: "08:00")`}},
		{"times out of order", `times: ["08:00"]`, `times: ["18:00", "08:00"]`,
			[]string{"59:44: the times of day are out of order (list the times from morning to evening, each once)"}},
		{"bad step", "do: push", "do: pusch",
			[]string{`65:21: "pusch" is no step (did you mean push?)`}},
		{"steps out of order", "after: 6h", "after: 1h",
			[]string{"66:13: the steps are out of order (each step comes later than the one before)"}},
		{"bad code", "icd10: [A00]", "icd10: [cholera]",
			[]string{`5:19: "cholera" does not look like a code of ICD-10 (copy it from the published list)`}},
		{"bad keyword", "name: {vi: Thử", "keyword: covid\nname: {vi: Thử",
			[]string{"3:10: a keyword has 2 to 10 capital letters and digits, the first a letter (such as COVID)"}},
		{"form unknown", "  declaration:\n", "  declarations:\n",
			[]string{
				`13:3: "declarations" is no form (did you mean declaration?)`,
				`13:3: the form declaration is missing (add "declaration:")`,
				"68:3: the program has no form declaration (use a form of this program)"}},
		{"other id than the file", "id: test", "id: tests",
			[]string{"1:5: the file is test/1.yaml but holds tests/1.yaml (rename the file, or correct id and version)"}},
		{"version out of bounds", "version: 1", "version: 0",
			[]string{
				"1:5: the file is test/1.yaml but holds test/0.yaml (rename the file, or correct id and version)",
				"2:10: 0 does not fit (a whole number from 1 to 1000000)"}},
		{"example with an unknown question", "answers: {fever: true", "answers: {fevre: true",
			[]string{`70:13: no question "fevre" in the form declaration (did you mean fever?)`}},
		{"example with an unknown factor", "level: moderate\n  factors: [fever]", "level: moderate\n  factors: [cough]",
			[]string{`72:13: no factor "cough" (one of: emergency_sign, fever)`}},
		{"example with an unknown level", "  level: moderate\n  factors", "  level: middling\n  factors",
			[]string{`71:10: "middling" is no level (one of: none, low, moderate, high, emergency)`}},
		{"example of an unknown rule", "level: moderate\n  factors: [fever]", "level: moderate\n  factors: [fever]\n  rules: [fevre]",
			[]string{`73:11: no rule "fevre" (did you mean fever?)`}},
		{"example with an answer of no kind", "answers: {fever: true", "answers: {fever: {a: 1}",
			[]string{"70:20: an answer is expected here, not keys with values (an answer is true, a number, a text or a list of texts)"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if strings.Count(small, test.old) < 1 {
				t.Fatalf("%q is not in the program", test.old)
			}
			err := load(strings.Replace(small, test.old, test.new, 1))
			var problems *rules.Problems
			if !errors.As(err, &problems) {
				t.Fatalf("got %v, want problems", err)
			}
			var got []string
			for _, p := range problems.List {
				got = append(got, strings.TrimPrefix(p.String(), file))
				if p.Message == "" || p.Line < 1 || p.Column < 1 {
					t.Errorf("no place or message: %+v", p)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
