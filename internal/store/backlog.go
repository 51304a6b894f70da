package store

import (
	"context"

	"khaibao/models"
)

// Backlog counts the declarations of a form whose effects are not carried out yet.
func (s *Store) Backlog(ctx context.Context, form models.Form) (int64, error) {
	n, err := s.engine.Count(ctx, formCollection(form), []Cond{{"todo.at", Exists, true}})
	return n, asError("counting pending declarations", err)
}

// Households counts the accounts, erased ones included.
func (s *Store) Households(ctx context.Context) (int64, error) {
	n, err := s.engine.Count(ctx, colAccounts, nil)
	return n, asError("counting accounts", err)
}
