package ddl

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestStatements takes files apart, with everything in them that looks like
// the end of a statement and is none.
func TestStatements(t *testing.T) {
	const text = `-- a file
-- with a head

-- pl:allow MIGRATION_DROP really
-- and a note
DROP TABLE "semi;colon", [bracket name], ` + "`back``tick`" + `;
/* DROP TABLE no; */ ALTER TABLE ONLY public.loans
  ADD COLUMN "Mixed" varchar(20) DEFAULT 'it''s; -- text' NOT NULL,
  DROP COLUMN IF EXISTS plain CASCADE; DO $body$ DROP TABLE no; $body$`
	f, err := Parse("x.sql", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range f.Statements {
		for _, a := range s.Actions {
			line, col := f.Position(a.At)
			got = append(got, fmt.Sprintf("%d:%d %d %s %s %s %t", line, col, a.Verb, a.Table, a.Column.Name, a.Column.Type, a.Column.NotNull))
		}
	}
	want := []string{
		fmt.Sprintf("6:12 %d semi;colon   false", DropTable),
		fmt.Sprintf("6:26 %d bracket name   false", DropTable),
		fmt.Sprintf("6:42 %d back`tick   false", DropTable),
		fmt.Sprintf("8:3 %d loans Mixed varchar(20) true", AddColumn),
		fmt.Sprintf("9:3 %d loans plain  false", DropColumn),
		fmt.Sprintf("9:40 %d    false", Opaque),
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if c := f.Statements[0].Comments; len(c) != 2 || c[0].Text != "pl:allow MIGRATION_DROP really" || c[1].Text != "and a note" {
		t.Errorf("comments %v", c)
	}
}

func TestSyntaxErrorsHaveAPlace(t *testing.T) {
	f, err := Parse("x.sql", []byte("SELECT 1;\nSELECT 'open;\n"))
	syntax, ok := errors.AsType[*SyntaxError](err)
	if !ok {
		t.Fatalf("got %v", err)
	}
	if line, col := f.Position(syntax.At); line != 2 || col != 8 || !strings.Contains(syntax.Error(), "unclosed quote") {
		t.Errorf("%d:%d: %v", line, col, syntax)
	}
}
