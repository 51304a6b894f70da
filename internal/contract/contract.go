// Package contract holds what a server answers against mobile-api.yaml. It serves tests only.
package contract

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"khaibao"
)

// Checker compares requests and answers with the contract. It is safe for concurrent use.
type Checker struct {
	doc    *openapi3.T
	router routers.Router
}

// Load reads the contract. It fails when that is no valid OpenAPI document.
func Load() (*Checker, error) {
	doc, err := openapi3.NewLoader().LoadFromData(khaibao.Contract())
	if err != nil {
		return nil, fmt.Errorf("contract: %w", err)
	}
	if err := doc.Validate(context.Background(), openapi3.EnableExamplesValidation()); err != nil {
		return nil, fmt.Errorf("contract: %w", err)
	}
	closeResponses(doc)
	router, err := legacy.NewRouter(doc)
	if err != nil {
		return nil, fmt.Errorf("contract: %w", err)
	}
	return &Checker{doc, router}, nil
}

// Operation is one operation of the contract.
type Operation struct {
	Method, Path string
	Security     string // citizenToken, officialToken, or empty when anybody may
	Permission   string // that an official needs; may be empty
	// Query names the query parameters, sorted.
	Query []string
}

// Operations lists every operation.
func (c *Checker) Operations() []Operation {
	var out []Operation
	for path, item := range c.doc.Paths.Map() {
		for method, operation := range item.Operations() {
			o := Operation{Method: method, Path: path}
			if operation.Security != nil {
				for _, requirement := range *operation.Security {
					for scheme := range requirement {
						o.Security = scheme
					}
				}
			}
			o.Permission, _ = operation.Extensions["x-permission"].(string)
			for _, p := range slices.Concat(item.Parameters, operation.Parameters) {
				if p.Value.In == openapi3.ParameterInQuery {
					o.Query = append(o.Query, p.Value.Name)
				}
			}
			slices.Sort(o.Query)
			out = append(out, o)
		}
	}
	return out
}

// Exchange is a request and its answer, read to the end.
type Exchange struct {
	Request     *http.Request
	RequestBody []byte
	Status      int
	Header      http.Header
	Body        []byte
}

// Check tells in what an exchange breaks the contract: an answer that is not described, or a request that is not described
// and was accepted all the same.
func (c *Checker) Check(e Exchange) error {
	e.Request = pathOnly(e.Request)
	route, params, err := c.router.FindRoute(e.Request)
	if err != nil || strings.HasSuffix(e.Request.URL.Path, "/") { // the router overlooks a slash at the end, the server does not
		return c.unknownRoute(e)
	}
	request := &openapi3filter.RequestValidationInput{
		Request: withBody(e.Request, e.RequestBody), PathParams: params, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, SkipSettingDefaults: true},
	}
	_, perItem := route.Operation.Extensions["x-item-results"]
	if err := openapi3filter.ValidateRequest(context.Background(), request); err != nil && e.Status < 400 && !perItem {
		return fmt.Errorf("%s %s was accepted although the contract refuses it: %w", e.Request.Method, route.Path, err)
	}
	if err := c.response(e, request); err != nil {
		return fmt.Errorf("%s %s answered %d: %w", e.Request.Method, route.Path, e.Status, err)
	}
	return nil
}

func (c *Checker) response(e Exchange, request *openapi3filter.RequestValidationInput) error {
	kind, _, _ := mime.ParseMediaType(e.Header.Get("Content-Type"))
	isJSON := kind == "application/json" || kind == "application/problem+json"
	if err := documented(request.Route.Operation, e.Status, kind); err != nil {
		return err
	}
	response := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: request, Status: e.Status, Header: e.Header,
		Options: &openapi3filter.Options{IncludeResponseStatus: true, ExcludeResponseBody: !isJSON, MultiError: true},
	}
	response.SetBodyBytes(e.Body)
	if err := openapi3filter.ValidateResponse(context.Background(), response); err != nil {
		return err
	}
	if kind == "application/problem+json" {
		return worded(e)
	}
	return nil
}

// documented tells whether the operation's answer of that status may have a body of that kind.
func documented(operation *openapi3.Operation, status int, kind string) error {
	response := operation.Responses.Status(status)
	if response == nil || response.Value == nil {
		return errors.New("the contract does not know this status here")
	}
	if len(response.Value.Content) == 0 && kind == "" {
		return nil
	}
	if _, ok := response.Value.Content[kind]; !ok {
		return fmt.Errorf("the contract does not know the content type %q here", kind)
	}
	return nil
}

// unknownRoute checks what answers a path or a method that the contract does not have: a problem document.
func (c *Checker) unknownRoute(e Exchange) error {
	if e.Status != http.StatusNotFound && e.Status != http.StatusMethodNotAllowed {
		return fmt.Errorf("%s %s answered %d, and the contract has no such operation", e.Request.Method, e.Request.URL.Path, e.Status)
	}
	if e.Request.Method == http.MethodHead {
		return nil
	}
	var body any
	if err := json.Unmarshal(e.Body, &body); err != nil {
		return fmt.Errorf("%d without a problem document: %w", e.Status, err)
	}
	if err := c.doc.Components.Schemas["Problem"].Value.VisitJSON(body, openapi3.EnableJSONSchema2020()); err != nil {
		return err
	}
	return worded(e)
}

// worded tells whether every text of a problem document is there: a missing one shows its key.
func worded(e Exchange) error {
	var p struct {
		Status        int
		Title, Detail string
		Errors        []struct{ Field, Message string }
	}
	if err := json.Unmarshal(e.Body, &p); err != nil {
		return err
	}
	if p.Status != e.Status {
		return fmt.Errorf("the problem document says %d", p.Status)
	}
	texts := []string{p.Title, p.Detail}
	for _, f := range p.Errors {
		texts = append(texts, f.Message)
	}
	for _, text := range texts {
		if text == "" || strings.HasPrefix(text, "error.") || strings.HasPrefix(text, "field.") || strings.ContainsAny(text, "{}") {
			return fmt.Errorf("the text %q is not one", text)
		}
	}
	return nil
}

// pathOnly leaves the host out: the contract's paths are those of whatever server gave it.
func pathOnly(r *http.Request) *http.Request {
	r = r.Clone(r.Context())
	r.URL.Scheme, r.URL.Host = "", ""
	return r
}

func withBody(r *http.Request, body []byte) *http.Request {
	r = r.Clone(context.Background())
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return r
}

// Transport sends requests through next and fails the test for every exchange that breaks the contract.
func (c *Checker) Transport(t testing.TB, next http.RoundTripper) http.RoundTripper {
	return transport{t, c, next}
}

type transport struct {
	t    testing.TB
	c    *Checker
	next http.RoundTripper
}

// RoundTrip sends one request and checks it.
func (tr transport) RoundTrip(r *http.Request) (*http.Response, error) {
	e := Exchange{Request: r}
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		e.RequestBody = body
		r = withBody(r, body).WithContext(r.Context())
	}
	answer, err := tr.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	e.Status, e.Header = answer.StatusCode, answer.Header
	if e.Body, err = io.ReadAll(answer.Body); err != nil {
		return nil, err
	}
	if err := answer.Body.Close(); err != nil {
		return nil, err
	}
	answer.Body = io.NopCloser(bytes.NewReader(e.Body))
	if err := tr.c.Check(e); err != nil {
		tr.t.Errorf("contract: %v\n%s", err, e.Body)
	}
	return answer, nil
}
