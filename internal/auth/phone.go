package auth

import (
	"strings"

	"github.com/nyaruka/phonenumbers"
)

const (
	homeRegion = "VN"
	maxPhone   = 32 // characters, with every space and bracket one may write
)

// ParsePhone reads a number as people write it ("0900 000 001", "+84 900 000 001") and gives it in E.164. Only mobile
// numbers of Vietnam are taken: otherwise fieldCode says what is wrong, bad_phone or not_mobile, and e164 is empty.
func ParsePhone(text string) (e164 string, fieldCode string) {
	text = strings.TrimSpace(text)
	if len(text) > maxPhone || strings.ContainsFunc(text, notOfPhone) || strings.LastIndexByte(text, '+') > 0 {
		return "", "bad_phone"
	}
	number, err := phonenumbers.Parse(text, homeRegion)
	if err != nil || !phonenumbers.IsValidNumber(number) {
		return "", "bad_phone"
	}
	if phonenumbers.GetRegionCodeForNumber(number) != homeRegion || phonenumbers.GetNumberType(number) != phonenumbers.MOBILE {
		return "", "not_mobile"
	}
	return phonenumbers.Format(number, phonenumbers.E164), ""
}

// notOfPhone keeps out what the library would read as more than a number: letters of a keypad, extensions, URIs.
func notOfPhone(r rune) bool { return !strings.ContainsRune("+0123456789 .-()", r) }
