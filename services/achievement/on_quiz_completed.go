package achievement

import (
	"context"
	"fmt"

	"github.com/pulselearn/campus-hub/gen/ent/achievement/badge"
	quizv1event "github.com/pulselearn/campus-hub/gen/event/quiz/v1"
	achievementservice "github.com/pulselearn/campus-hub/gen/service/achievement"
)

// aceScore is the lowest score that earns the badge Ace.
const aceScore = 0.9

// OnQuizCompleted counts the attempt, gives the badges that it earned, and
// announces the progress.
func (s *Service) OnQuizCompleted(ctx context.Context, tx *achievementservice.Tx, e *quizv1event.QuizCompleted) error {
	if err := count(ctx, tx, e); err != nil {
		return err
	}
	for _, kind := range earned(e) {
		has, err := hasBadge(ctx, tx, e, kind)
		if err != nil {
			return err
		}
		if has {
			continue
		}
		a := award{kind: kind, studentID: e.StudentID, sourceID: e.QuizID, course: &e.Course, score: &e.Score}
		if _, err := give(ctx, tx, a); err != nil {
			return err
		}
	}
	return announce(ctx, tx, e.StudentID, e.Course.CourseID)
}

// earned returns the badges that an attempt is good for.
func earned(e *quizv1event.QuizCompleted) []badge.Kind {
	var kinds []badge.Kind
	if e.Passed {
		kinds = append(kinds, badge.KindFirstPass)
	}
	if e.Score >= aceScore {
		kinds = append(kinds, badge.KindAce)
	}
	if e.Passed && e.Difficulty == quizv1event.DifficultyHard {
		kinds = append(kinds, badge.KindChallenger)
	}
	return kinds
}

// hasBadge reports whether the student has such a badge: the first pass from
// any quiz, the others from this one.
func hasBadge(ctx context.Context, tx *achievementservice.Tx, e *quizv1event.QuizCompleted, kind badge.Kind) (bool, error) {
	query := tx.Badge.Query().Where(badge.StudentID(e.StudentID), badge.KindEQ(kind))
	if kind != badge.KindFirstPass {
		query.Where(badge.SourceID(e.QuizID))
	}
	has, err := query.Exist(ctx)
	if err != nil {
		return false, fmt.Errorf("look for badge %s: %w", kind, err)
	}
	return has, nil
}

// count adds the attempt to the student's progress in the course.
func count(ctx context.Context, tx *achievementservice.Tx, e *quizv1event.QuizCompleted) error {
	p, err := progressOf(ctx, tx, e.StudentID, e.Course.CourseID)
	if err != nil {
		return err
	}
	update := p.Update().AddQuizzesCompleted(1).SetBestScore(max(p.BestScore, e.Score)).SetUpdatedAt(tx.Now())
	if e.Passed {
		update.AddQuizzesPassed(1)
	}
	if err := update.Exec(ctx); err != nil {
		return fmt.Errorf("count attempt %s: %w", e.AttemptID, err)
	}
	return nil
}
