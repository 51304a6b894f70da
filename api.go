// Package khaibao holds the contract of the product's API, so that the server can serve it and tests can hold answers
// against it.
package khaibao

import _ "embed"

//go:embed mobile-api.yaml
var contract []byte

// Contract gives mobile-api.yaml, an OpenAPI 3.1 document. The slice is the caller's own.
func Contract() []byte { return append([]byte(nil), contract...) }
