package store

import (
	"encoding/base64"
	"encoding/json"
	"regexp"

	"khaibao/models"
)

// A cursor is the name of its list and the sort key of the last item of a page, as base64url of a JSON array. It is opaque
// to clients, and no secret: it holds times and ids that the page showed. One of another list is refused.

type keyType func(any) (any, bool)

func timeKey(v any) (any, bool) {
	ms, ok := v.(float64)
	return Time(ms), ok
}

func intKey(v any) (any, bool) {
	n, ok := v.(float64)
	return int64(n), ok
}

func stringKey(v any) (any, bool) {
	text, ok := v.(string)
	return text, ok && idForm.MatchString(text)
}

// idForm is that of every id that a page may end with.
var idForm = regexp.MustCompile(`^[A-Za-z0-9_.:|-]{1,128}$`)

// after continues a query behind a cursor; "" starts at the beginning. A cursor that is not one is Malformed.
func (q *Query) after(list, cursor string, types ...keyType) error {
	if cursor == "" {
		return nil
	}
	bad := &models.Error{Kind: models.Malformed, Code: "bad_cursor", Fields: []models.FieldError{{Field: "cursor", Code: "bad_value"}}}
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	var keys []any
	if err != nil || json.Unmarshal(raw, &keys) != nil || len(keys) != len(types)+1 || keys[0] != list {
		return bad
	}
	for i, t := range types {
		key, ok := t(keys[i+1])
		if !ok {
			return bad
		}
		q.After = append(q.After, key)
	}
	return nil
}

// cut shortens a list that was read one too long and gives the cursor of its last item, "" at the end.
func cut[T any](list string, items []T, limit int, key func(T) []any) ([]T, string) {
	if len(items) <= limit {
		return items, ""
	}
	items = items[:limit]
	raw, err := json.Marshal(append([]any{list}, key(items[limit-1])...))
	if err != nil {
		return items, ""
	}
	return items, base64.RawURLEncoding.EncodeToString(raw)
}
