package quiz

import (
	"fmt"

	ent "github.com/pulselearn/campus-hub/gen/ent/quiz"
	quizv1event "github.com/pulselearn/campus-hub/gen/event/quiz/v1"
	quizv1 "github.com/pulselearn/campus-hub/gen/proto/pl/quiz/v1"
	"github.com/pulselearn/campus-hub/platform/rpc"
)

// A grade is the result of one attempt.
type grade struct {
	// score is the share of correct answers, from 0 to 1.
	score   float64
	correct int32
	total   int32
	// results are in the order of the questions.
	results []quizv1event.QuestionResult
	byTopic map[string]int32
}

// choicesOf returns what was chosen, by question.
func choicesOf(questions []*ent.Question, answers []*quizv1.Answer) (map[string]int32, error) {
	byID := make(map[string]*ent.Question, len(questions))
	for _, q := range questions {
		byID[q.ID] = q
	}
	chosen := make(map[string]int32, len(answers))
	for i, a := range answers {
		field := fmt.Sprintf("answers[%d].", i)
		q, known := byID[a.GetQuestionId()]
		_, twice := chosen[a.GetQuestionId()]
		switch {
		case !known:
			return nil, rpc.Invalid(field+"question_id", "is not a question of this quiz")
		case twice:
			return nil, rpc.Invalid(field+"question_id", "is answered twice")
		case int(a.GetChoice()) >= len(q.Choices):
			return nil, rpc.Invalid(field+"choice", "is not the index of a choice")
		}
		chosen[q.ID] = a.GetChoice()
	}
	return chosen, nil
}

// gradeChoices compares what was chosen with the answer key. A question
// without an answer is wrong.
func gradeChoices(questions []*ent.Question, chosen map[string]int32) grade {
	g := grade{total: int32(len(questions)), byTopic: map[string]int32{}}
	for _, q := range questions {
		result := quizv1event.QuestionResult{QuestionID: q.ID, Topic: q.Topic}
		if choice, ok := chosen[q.ID]; ok {
			result.Choice = &choice
			result.Correct = choice == q.CorrectChoice
		}
		if result.Correct {
			g.correct++
			if q.Topic != "" {
				g.byTopic[q.Topic]++
			}
		}
		g.results = append(g.results, result)
	}
	if g.total > 0 {
		g.score = float64(g.correct) / float64(g.total)
	}
	return g
}
