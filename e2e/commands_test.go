//go:build unix

package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect/v2"

	quizv1 "github.com/pulselearn/campus-hub/gen/proto/pl/quiz/v1"
)

// A command is one SubmitQuiz and what its client knows about it.
type command struct {
	key     string
	student int
	quiz    int
	right   bool
	// startedAt is unique, so that the command's effect can be told from
	// others in the database.
	startedAt time.Time
	// impatient clients send once and do not come back for the answer.
	impatient bool

	attempts int
	attempt  string // the id in the answer; empty when there was none
}

// newCommands makes the commands of a run. All randomness comes from random.
func newCommands(random *rand.Rand, prefix string, n int, k *class) []*command {
	// The database keeps microseconds.
	base := time.Now().Add(-time.Hour).Truncate(time.Millisecond)
	commands := make([]*command, n)
	for i := range commands {
		commands[i] = &command{
			key:       fmt.Sprintf("%s-%d", prefix, i),
			student:   i % len(k.students),
			quiz:      random.IntN(len(k.quizzes)),
			right:     random.IntN(3) > 0,
			startedAt: base.Add(time.Duration(i) * time.Millisecond),
			impatient: random.IntN(20) == 0,
		}
	}
	return commands
}

// A load sends commands from several clients at a steady rate.
type load struct {
	t       *testing.T
	campus  *campus
	class   *class
	clients int
	every   time.Duration // between two new commands; 0 for as fast as it goes
	done    atomic.Int64  // how many commands are over
}

// send sends all commands and returns when each has its answer, or was given
// up by its impatient client.
func (l *load) send(commands []*command) {
	queue := make(chan *command)
	var clients sync.WaitGroup
	for range l.clients {
		clients.Go(func() {
			for c := range queue {
				l.sendOne(c)
				l.done.Add(1)
			}
		})
	}
	for _, c := range commands {
		queue <- c
		l.pace()
	}
	close(queue)
	clients.Wait()
}

func (l *load) pace() {
	if l.every > 0 {
		<-time.After(l.every)
	}
}

// sendOne sends a command with the same key until it is answered.
func (l *load) sendOne(c *command) {
	ctx, cancel := context.WithTimeout(l.t.Context(), 90*time.Second)
	defer cancel()
	req := l.class.submission(c.student, c.quiz, c.right, c.startedAt)
	err := poll(ctx, func() error {
		c.attempts++
		res, err := l.submit(ctx, c, req)
		if err == nil {
			c.attempt = res.GetAttemptId()
		}
		if c.impatient || final(err) {
			return nil
		}
		return err
	})
	if err != nil {
		l.t.Errorf("command %s was not answered in %d attempts: %v", c.key, c.attempts, err)
	}
}

func (l *load) submit(ctx context.Context, c *command, req *quizv1.SubmitQuizRequest) (*quizv1.SubmitQuizResponse, error) {
	patience := 5 * time.Second
	if c.impatient {
		patience = 20 * time.Millisecond
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	res, err := l.campus.quizzes.SubmitQuiz(withKey(asStudent(ctx, req.GetStudentId()), c.key), req)
	if final(err) {
		l.t.Errorf("command %s was refused: %v", c.key, err)
	}
	return res, err
}

// final tells errors that say no from those after which nobody knows.
func final(err error) bool {
	if err == nil {
		return false
	}
	switch connect.CodeOf(err) {
	case connect.CodeInvalidArgument, connect.CodeNotFound, connect.CodeAlreadyExists, connect.CodeFailedPrecondition, connect.CodeUnimplemented:
		return true
	}
	return false
}
