package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-playground/validator/v10"
	"github.com/golang-jwt/jwt/v5"
	"github.com/labstack/echo/v4"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"khaibao/internal/seal"
)

// The floor is the least program that could take a declaration: echo, a JWT check, validator and one insert. It knows no
// rules, no household, no repetition and no effects.

// floorDocument is what the floor keeps: the request, whose it is and when it came.
type floorDocument struct {
	ID         string         `json:"id" bson:"_id" validate:"required,uuid"`
	Account    string         `json:"account" bson:"account"`
	Program    string         `json:"program" bson:"program" validate:"required"`
	PersonID   string         `json:"person_id" bson:"person" validate:"required"`
	Answers    map[string]any `json:"answers" bson:"answers" validate:"required"`
	OccurredAt time.Time      `json:"occurred_at" bson:"occurred_at" validate:"required"`
	ReceivedAt time.Time      `json:"received_at" bson:"received_at"`
}

// serveFloor serves the floor over an engine's one insert and gives its address.
func serveFloor(b *testing.B, keys *seal.Keys, insert func(context.Context, *floorDocument) error) string {
	b.Helper()
	secrets := map[string][]byte{}
	for _, key := range keys.TokenKeys() {
		secrets[key.ID] = key.Secret
	}
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"HS256"}), jwt.WithExpirationRequired())
	valid := validator.New()
	e := echo.New()
	e.POST("/v1/declarations", func(c echo.Context) error {
		token := strings.TrimPrefix(c.Request().Header.Get("Authorization"), "Bearer ")
		var claims jwt.RegisteredClaims
		if _, err := parser.ParseWithClaims(token, &claims, func(t *jwt.Token) (any, error) {
			kid, _ := t.Header["kid"].(string)
			return secrets[kid], nil
		}); err != nil {
			return echo.ErrUnauthorized
		}
		var doc floorDocument
		if err := c.Bind(&doc); err != nil {
			return err
		}
		if err := valid.Struct(&doc); err != nil {
			return echo.NewHTTPError(http.StatusUnprocessableEntity, err.Error())
		}
		doc.Account, doc.ReceivedAt = claims.Subject, time.Now()
		if err := insert(c.Request().Context(), &doc); err != nil {
			return err
		}
		return c.JSON(http.StatusCreated, map[string]string{"id": doc.ID})
	})
	server := httptest.NewServer(e)
	b.Cleanup(server.Close)
	return server.URL
}

// floorSQLite inserts with one transaction each, under the product's own settings of durability.
func floorSQLite(b *testing.B) func(context.Context, *floorDocument) error {
	b.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(b.TempDir(), "floor.db")+
		"?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=wal_autocheckpoint(250)&_pragma=cache_size(-64000)&_pragma=temp_store(MEMORY)")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	db.SetMaxOpenConns(1)
	if _, err := db.Exec("CREATE TABLE declarations (id TEXT PRIMARY KEY NOT NULL, doc TEXT NOT NULL)"); err != nil {
		b.Fatal(err)
	}
	statement, err := db.Prepare("INSERT INTO declarations (id, doc) VALUES (?, ?)")
	if err != nil {
		b.Fatal(err)
	}
	return func(ctx context.Context, doc *floorDocument) error {
		text, err := json.Marshal(doc)
		if err != nil {
			return err
		}
		_, err = statement.ExecContext(ctx, doc.ID, string(text))
		return err
	}
}

// floorMongo inserts with one insertOne each, acknowledged by a majority and journalled as the product's are.
func floorMongo(b *testing.B, address string) func(context.Context, *floorDocument) error {
	b.Helper()
	journal := true
	durable := writeconcern.Majority()
	durable.Journal = &journal
	client, err := mongo.Connect(options.Client().ApplyURI(address).SetWriteConcern(durable))
	if err != nil {
		b.Fatal(err)
	}
	db := client.Database(benchDatabase("floor"))
	b.Cleanup(func() {
		if err := db.Drop(context.Background()); err != nil {
			b.Error(err)
		}
		client.Disconnect(context.Background())
	})
	declarations := db.Collection("declarations")
	return func(ctx context.Context, doc *floorDocument) error {
		_, err := declarations.InsertOne(ctx, doc)
		return err
	}
}
