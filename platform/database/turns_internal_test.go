package database

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
)

func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var q turns
		leave, err := q.take(t.Context(), Background)
		if err != nil {
			t.Fatal(err)
		}
		var order []string
		wait := func(name string, c Class) {
			go func() {
				leave, err := q.take(t.Context(), c)
				if err != nil {
					t.Error(err)
					return
				}
				order = append(order, name)
				leave()
			}()
			synctest.Wait()
		}
		wait("batch 1", Background)
		wait("command 1", Foreground)
		wait("batch 2", Background)
		wait("command 2", Foreground)
		ctx, cancel := context.WithCancel(t.Context())
		gaveUp := make(chan error)
		go func() {
			_, err := q.take(ctx, Foreground)
			gaveUp <- err
		}()
		synctest.Wait()
		cancel()
		if err := <-gaveUp; !errors.Is(err, context.Canceled) {
			t.Errorf("gave up with %v", err)
		}
		leave()
		synctest.Wait()
		if want := []string{"command 1", "command 2", "batch 1", "batch 2"}; !slices.Equal(order, want) {
			t.Errorf("order was %q, want %q", order, want)
		}
		if leave, err = q.take(t.Context(), Foreground); err != nil {
			t.Fatal(err)
		}
		leave()
	})
}

// Commands that never end do not starve the batches.
func TestTurnsOfBatchesCome(t *testing.T) {
	q := turns{taken: true}
	for range 3 * maxStreak {
		q.join(Foreground)
	}
	batch := q.join(Background)
	for range maxStreak + 1 {
		q.leave()
	}
	select {
	case <-batch:
	default:
		t.Errorf("after %d commands the batch still waits", maxStreak)
	}
}
