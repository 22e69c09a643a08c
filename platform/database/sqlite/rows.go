package sqlite

import (
	"fmt"
	"time"
)

// Rows returns a VALUES list. Its parameters have no numbers, because SQLite
// looks numbers up one by one; they follow those that the query has used.
func (*dialect) Rows(_ int, columns ...any) (string, []any) {
	n := length(columns[0])
	args := make([]any, 0, n*len(columns))
	query := []byte("SELECT * FROM (VALUES ")
	for row := range n {
		for i, c := range columns {
			query = append(query, separator(row, i)...)
			args = append(args, value(c, row))
		}
		query = append(query, ')')
	}
	// The condition keeps the parser from taking ON CONFLICT for a join.
	return string(append(query, ") WHERE true"...)), args
}

func separator(row, column int) string {
	switch {
	case column > 0:
		return ", ?"
	case row > 0:
		return ", (?"
	}
	return "(?"
}

func length(column any) int {
	switch c := column.(type) {
	case []int64:
		return len(c)
	case []string:
		return len(c)
	case [][]byte:
		return len(c)
	case []time.Time:
		return len(c)
	case []*time.Time:
		return len(c)
	case []bool:
		return len(c)
	}
	panic(fmt.Sprintf("sqlite: no column of %T", column))
}

func value(column any, row int) any {
	switch c := column.(type) {
	case []int64:
		return c[row]
	case []string:
		return c[row]
	case []time.Time:
		return c[row]
	case []bool:
		return c[row]
	case []*time.Time:
		if c[row] != nil {
			return *c[row]
		}
	case [][]byte:
		if c[row] != nil {
			return c[row]
		}
	}
	return nil
}
