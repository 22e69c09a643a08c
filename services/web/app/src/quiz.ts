import type { Quiz, QuestionView, SubmitQuizResponse } from "@pulselearn/campus-hub/proto/pl/quiz/v1/quiz_pb";
import type { Campus } from "./campus.js";
import { h } from "./dom.js";
import { explain } from "./news.js";

/** A quiz to take. `done` hears how it went. */
export async function takeQuiz(
  hub: Campus,
  studentId: string,
  quizId: string,
  done: (quiz: Quiz, result: SubmitQuizResponse) => void,
): Promise<HTMLElement> {
  const { quiz, questions } = await hub.calls.quiz.getQuiz({ quizId });
  if (quiz === undefined) throw new Error("the answer has no quiz");
  const button = h("button", { type: "submit" }, "Hand in");
  const form = h(
    "form",
    { class: "card quiz", "aria-labelledby": "quiz-title" },
    h("h2", { id: "quiz-title", tabindex: -1 }, quiz.title),
    ...questions.map(ask),
    button,
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    button.disabled = true;
    void submit(hub, studentId, quiz, questions, new FormData(form))
      .then((result) => done(quiz, result))
      .catch((thrown: unknown) => {
        button.disabled = false;
        explain("The quiz was not handed in", thrown);
      });
  });
  return form;
}

function ask(question: QuestionView, number: number): HTMLElement {
  return h(
    "fieldset",
    {},
    h("legend", {}, `${number + 1}. ${question.prompt}`),
    ...question.choices.map((choice, index) =>
      h("label", {}, h("input", { type: "radio", name: question.id, value: index, required: true }), " ", choice),
    ),
  );
}

function submit(
  hub: Campus,
  studentId: string,
  quiz: Quiz,
  questions: readonly QuestionView[],
  answers: FormData,
): Promise<SubmitQuizResponse> {
  return hub.calls.quiz.submitQuiz({
    studentId,
    quizId: quiz.id,
    answers: questions.map((q) => ({ questionId: q.id, choice: Number(answers.get(q.id)) })),
  });
}
