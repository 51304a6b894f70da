package cases

import "strings"

// MaskName keeps the first letter of every word and hides how long the words are: "N*** V*** A***".
func MaskName(name string) string {
	words := strings.Fields(name)
	for i, word := range words {
		words[i] = string([]rune(word)[:1]) + "***"
	}
	return strings.Join(words, " ")
}

// MaskPhone keeps the network and the last three digits of a number in E.164: "0912***678".
func MaskPhone(phone string) string {
	local := "0" + strings.TrimPrefix(phone, "+84")
	if len(local) < 8 {
		return ""
	}
	return local[:4] + "***" + local[len(local)-3:]
}
