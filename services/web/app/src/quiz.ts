import type { Quiz, QuestionView, SubmitQuizResponse } from "@pulselearn/campus-hub/proto/pl/quiz/v1/quiz_pb";
import type { Campus } from "./campus.js";
import { counted, h, put } from "./dom.js";
import { explain } from "./news.js";

/** A quiz that a student takes. */
export class QuizSheet {
  readonly element = h("section", { class: "card sheet", "aria-labelledby": "quiz-title" });

  /** `leave` is called when the student has had enough. */
  constructor(
    private readonly hub: Campus,
    private readonly studentId: string,
    private readonly quizId: string,
    private readonly leave: () => void,
  ) {}

  /** Shows the questions. */
  async open(): Promise<void> {
    const { quiz, questions, courseTitle } = await this.hub.quiz.getQuiz({ quizId: this.quizId });
    if (quiz === undefined) throw new Error("the quiz is not there any more");
    const button = h("button", { type: "submit" }, "Hand in");
    const form = h(
      "form",
      {},
      ...questions.map(ask),
      h("div", { class: "row" }, button, h("button", { type: "button", class: "plain", onclick: this.leave }, "Leave the quiz")),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#handIn(quiz, questions, new FormData(form), button);
    });
    const need = Math.ceil(quiz.passScore * questions.length);
    this.#show(
      quiz.title,
      h("p", { class: "of" }, [courseTitle, counted(questions.length, "question"), `${need} right to pass`].filter(Boolean).join(" · ")),
      form,
    );
  }

  #show(title: string, ...children: readonly Node[]): void {
    const heading = h("h2", { id: "quiz-title", tabindex: -1 }, title);
    put(this.element, heading, ...children);
    heading.focus();
  }

  async #handIn(quiz: Quiz, questions: readonly QuestionView[], answers: FormData, button: HTMLButtonElement): Promise<void> {
    button.disabled = true;
    try {
      const result = await this.hub.quiz.submitQuiz({
        studentId: this.studentId,
        quizId: quiz.id,
        answers: questions.map((q) => ({ questionId: q.id, choice: Number(answers.get(q.id)) })),
      });
      this.#result(quiz, result);
    } catch (thrown) {
      button.disabled = false;
      explain("The quiz was not handed in", thrown);
    }
  }

  #result(quiz: Quiz, result: SubmitQuizResponse): void {
    const again = (): void => void this.open().catch((thrown: unknown) => explain("The quiz could not be opened", thrown));
    this.#show(
      result.passed ? "Passed!" : "Not passed yet",
      h("p", { class: "of" }, quiz.title),
      h("p", { class: `score ${result.passed ? "good" : ""}` }, h("strong", {}, `${result.correctCount} of ${result.questionCount}`), " right"),
      h(
        "div",
        { class: "row" },
        h("button", { type: "button", onclick: this.leave }, "Back to the courses"),
        h("button", { type: "button", class: "plain", onclick: again }, "Take it again"),
      ),
    );
  }
}

function ask(question: QuestionView, number: number): HTMLElement {
  return h(
    "fieldset",
    {},
    h("legend", {}, h("span", { class: "number" }, `${number + 1}.`), " ", question.prompt),
    ...question.choices.map((choice, index) =>
      h("label", { class: "option" }, h("input", { type: "radio", name: question.id, value: index, required: true }), h("span", {}, choice)),
    ),
  );
}
