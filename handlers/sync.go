package handlers

import (
	"context"
	"net/http"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/labstack/echo/v4"

	"khaibao/models"
)

// syncRequest is what an app kept while it was offline, in the order in which it happened.
type syncRequest struct {
	Items []jsontext.Value `json:"items" validate:"required,max=200"`
}

type syncResponse struct {
	Items []syncResult `json:"items"`
}

// syncResult is what one item would have got alone: its status, and its result or problem.
type syncResult struct {
	ID      string   `json:"id,omitzero"`
	Status  int      `json:"status"`
	Result  any      `json:"result,omitzero"`
	Problem *problem `json:"problem,omitzero"`
}

type syncPerson struct {
	Kind string `json:"kind"`
	personRequest
}

type syncDeclaration struct {
	Kind string `json:"kind"`
	declarationRequest
}

// sync takes in a batch. Every item stands for itself: a bad one never harms its neighbours, not even one that is no
// proper JSON, as long as the batch can be taken apart.
func (s *Server) sync(c echo.Context, citizen models.Citizen) error {
	raw, err := read(c.Request(), syncLimit)
	if err != nil {
		return err
	}
	lenient := json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	var batch map[string]jsontext.Value
	var items []jsontext.Value
	if json.Unmarshal(raw, &batch, lenient) != nil || json.Unmarshal(batch["items"], &items, lenient) != nil {
		items = nil
	}
	sound := make([]error, len(items))
	for i, item := range items {
		if sound[i] = wellFormed(item); sound[i] != nil {
			items[i] = jsontext.Value("{}")
		}
	}
	if len(items) > 0 { // what is left must be sound as a whole
		batch["items"] = joined(items)
		if raw, err = json.Marshal(batch); err != nil {
			return models.Fail(models.Malformed, "malformed")
		}
	}
	if err := oneObject(raw); err != nil {
		return err
	}
	var in syncRequest
	if err := models.InvalidFields(s.bind.value(raw, &in)...); err != nil {
		return err
	}
	out := syncResponse{Items: make([]syncResult, len(in.Items))}
	for i, item := range in.Items {
		if sound[i] != nil {
			p := s.describe(sound[i], citizen.Lang)
			out.Items[i] = syncResult{Status: p.Status, Problem: &p}
			continue
		}
		out.Items[i] = s.syncItem(c.Request().Context(), citizen, item)
	}
	return answer(c, http.StatusOK, out)
}

func joined(items []jsontext.Value) jsontext.Value {
	list := jsontext.Value("[")
	for i, item := range items {
		if i > 0 {
			list = append(list, ',')
		}
		list = append(list, item...)
	}
	return append(list, ']')
}

func (s *Server) syncItem(ctx context.Context, citizen models.Citizen, item jsontext.Value) syncResult {
	id := member(item, "id")
	if !isID(id) {
		id = ""
	}
	result, isNew, err := s.syncOne(ctx, citizen, item)
	if err != nil {
		p := s.describe(err, citizen.Lang)
		return syncResult{ID: id, Status: p.Status, Problem: &p}
	}
	return syncResult{ID: id, Status: created(isNew), Result: result}
}

func (s *Server) syncOne(ctx context.Context, citizen models.Citizen, item jsontext.Value) (any, bool, error) {
	switch member(item, "kind") {
	case "person":
		return s.syncPerson(ctx, citizen, item)
	case "declaration":
		return s.syncDeclaration(ctx, citizen, item, models.FormDeclaration)
	case "health_update":
		return s.syncDeclaration(ctx, citizen, item, models.FormDaily)
	}
	if item.Kind() != '{' {
		return nil, false, models.InvalidField("", "wrong_type", map[string]any{"type": "object"})
	}
	return nil, false, models.InvalidField("/kind", "unknown_option", map[string]any{"options": "person, declaration, health_update"})
}

// syncPerson asks for an id: without one, a batch sent again would add the person again.
func (s *Server) syncPerson(ctx context.Context, citizen models.Citizen, item jsontext.Value) (any, bool, error) {
	var in syncPerson
	wrong := s.bind.value(item, &in)
	if in.ID == nil && !isNamed(wrong, "/id") {
		wrong = append(wrong, models.FieldError{Field: "/id", Code: "required"})
	}
	person, warnings, isNew, err := s.Intake.AddPerson(ctx, citizen, in.person(wrong))
	if err != nil {
		return nil, false, err
	}
	return s.person(person, warnings, citizen.Lang), isNew, nil
}

func (s *Server) syncDeclaration(ctx context.Context, citizen models.Citizen, item jsontext.Value, form models.Form) (any, bool, error) {
	var in syncDeclaration
	wrong := s.bind.value(item, &in)
	d, isNew, err := s.Intake.Submit(ctx, citizen, in.submission(form, wrong))
	if err != nil {
		return nil, false, err
	}
	return s.declaration(d, citizen.Lang), isNew, nil
}

// member gives a text member of an object, "" when there is none.
func member(object jsontext.Value, name string) string {
	var members map[string]jsontext.Value
	var text string
	if object.Kind() == '{' && json.Unmarshal(object, &members) == nil && members[name].Kind() == '"' {
		_ = json.Unmarshal(members[name], &text) // a text is always one
	}
	return text
}
