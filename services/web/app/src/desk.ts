import type { Course } from "@pulselearn/campus-hub/proto/pl/course/v1/course_pb";
import type { RealtimeClient } from "@pulselearn/campus-hub/realtime";
import { Board } from "./board.js";
import { type Campus, newest, type Person } from "./campus.js";
import { counted, h, put } from "./dom.js";
import { CourseFeed } from "./feed.js";
import { Here } from "./here.js";
import type { Names } from "./names.js";
import { tell, unread } from "./news.js";
import { quizzesOf } from "./own.js";
import { writeQuiz } from "./write.js";

/** A course on a teacher's desk: who is there, what the class has done, its quizzes, and a form for another one. */
export class Desk {
  readonly element: HTMLElement;
  /** Reads everything anew. */
  readonly load: () => void;
  readonly #quizzes = h("section", { class: "card", "aria-labelledby": "quizzes-title" });
  readonly #feed: CourseFeed;
  readonly #here: Here;
  readonly #board: Board;

  constructor(
    private readonly hub: Campus,
    live: RealtimeClient,
    names: Names,
    person: Person,
    readonly course: Course,
  ) {
    this.#feed = new CourseFeed(live, course.id);
    this.#here = new Here(this.#feed, names, person.id);
    this.#board = new Board(hub, this.#feed, names, course);
    const loadQuizzes = newest(() => this.#read());
    this.load = () => void Promise.all([this.#board.load(), loadQuizzes()]);
    this.#feed.join({
      event(e) {
        if (e.event !== "pl.quiz.quiz_created.v1") return;
        if (e.data.createdBy !== person.id) tell("New quiz:", `${e.data.title}, in ${course.title}.`, "good");
        void loadQuizzes();
      },
      ready: () => void loadQuizzes(),
      resync: () => void loadQuizzes(),
    });
    this.element = h(
      "div",
      {},
      h("header", { class: "course" }, h("h2", {}, course.title), this.#here.element),
      this.#board.element,
      this.#quizzes,
      writeQuiz(hub, person, course, () => void loadQuizzes()),
    );
  }

  close(): void {
    this.#board.close();
    this.#here.close();
    this.#feed.close();
  }

  async #read(): Promise<void> {
    try {
      const quizzes = await quizzesOf(this.hub, this.course.id);
      const lines = quizzes.map((q) => h("li", {}, h("span", {}, q.title), h("small", {}, counted(q.questionCount, "question"))));
      put(
        this.#quizzes,
        h("h2", { id: "quizzes-title" }, "Quizzes"),
        lines.length > 0 ? h("ul", { class: "lines" }, ...lines) : h("p", { class: "empty" }, "No quizzes yet. Write the first one below."),
      );
    } catch (thrown) {
      unread("The quizzes", thrown);
    }
  }
}
