package tx_test

import (
	"context"
	"fmt"
	"log"
	"testing/fstest"

	"github.com/pulselearn/campus-hub/platform/database/sqlite"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/outbox"
	"github.com/pulselearn/campus-hub/platform/tx"
)

// A command changes state, publishes and remembers its answer in one
// transaction; sent again with its key, it only gets the answer.
func ExampleStore_Command() {
	ctx := context.Background()
	db, err := sqlite.Open(ctx, "") // a temporary file
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	migrations := fstest.MapFS{"sqlite/0001_badge.sql": {Data: []byte(`CREATE TABLE badge (student text PRIMARY KEY)`)}}
	if err := db.Migrate(ctx, migrations); err != nil {
		log.Fatal(err)
	}
	store := tx.NewStore(db, tx.Service{Context: "notes", Publishes: []*event.Type{noted}})

	award := tx.Command{Method: "/pl.notes.v1.NotesService/Award", Caller: "teacher", Key: "5f0c"}
	for range 2 {
		answer, replayed, err := store.Command(ctx, award, func(ctx context.Context, t *tx.Tx) ([]byte, error) {
			if _, err := t.Conn().ExecContext(ctx, `INSERT INTO badge (student) VALUES ($1)`, "ada"); err != nil {
				return nil, err
			}
			return []byte("awarded"), t.Publish(ctx, &note{typ: noted, key: "ada", text: "awarded"})
		})
		fmt.Println(string(answer), replayed, err)
	}
	waiting, err := outbox.Unpublished(ctx, db)
	fmt.Println("events in the outbox:", waiting, err)
	// Output:
	// awarded false <nil>
	// awarded true <nil>
	// events in the outbox: 1 <nil>
}
