import type { QuizCreated } from "@pulselearn/campus-hub/events/quiz/v1";
import type { Course } from "@pulselearn/campus-hub/proto/pl/course/v1/course_pb";
import type { Quiz } from "@pulselearn/campus-hub/proto/pl/quiz/v1/quiz_pb";
import type { RealtimeClient } from "@pulselearn/campus-hub/realtime";
import { all, type Campus, newest } from "./campus.js";
import { counted, h, put } from "./dom.js";
import { CourseFeed } from "./feed.js";
import { Here } from "./here.js";
import type { Names } from "./names.js";
import { tell, unread } from "./news.js";

/** Returns the quizzes of a course, oldest first. */
export function quizzesOf(hub: Campus, courseId: string): Promise<Quiz[]> {
  return all((pageToken) => hub.quiz.listQuizzes({ courseId, pageToken, pageSize: 200 }), (p) => p.quizzes);
}

/** What a course is, in a list of courses. */
export function about(course: Course): HTMLElement {
  return h("div", { class: "title" }, h("h3", {}, course.title), h("p", { class: "of" }, [course.code, course.instructorName].filter(Boolean).join(" · ")));
}

/** A course that a student is in: its quizzes, and who else is there, as they come. */
export class OwnCourse {
  readonly element: HTMLElement;
  readonly feed: CourseFeed;
  /** Reads the quizzes anew. */
  readonly load = newest(() => this.#read());
  readonly #quizzes = h("div");
  readonly #here: Here;

  /** `open` is called with the quiz that the student wants to take. */
  constructor(
    private readonly hub: Campus,
    live: RealtimeClient,
    names: Names,
    me: string,
    private readonly course: Course,
    private readonly open: (quiz: Quiz) => void,
  ) {
    names.know(course.instructorId, course.instructorName);
    this.feed = new CourseFeed(live, course.id);
    this.#here = new Here(this.feed, names, me);
    this.element = h("li", { class: "mine" }, about(course), this.#here.element, this.#quizzes);
    this.feed.join({
      event: (e) => e.event === "pl.quiz.quiz_created.v1" && this.#added(e.data),
      ready: () => void this.load(),
      resync: () => void this.load(),
    });
  }

  close(): void {
    this.#here.close();
    this.feed.close();
  }

  #added(quiz: QuizCreated): void {
    tell("New quiz:", `${quiz.title}, in ${this.course.title}.`, "good");
    void this.load();
  }

  async #read(): Promise<void> {
    try {
      const quizzes = await quizzesOf(this.hub, this.course.id);
      const list = h("ul", { class: "quizzes" }, ...quizzes.map((quiz) => h("li", {}, this.#button(quiz))));
      put(this.#quizzes, quizzes.length > 0 ? list : h("p", { class: "empty" }, "No quizzes yet. They appear here by themselves."));
    } catch (thrown) {
      unread(`The quizzes of ${this.course.title}`, thrown);
    }
  }

  #button(quiz: Quiz): HTMLElement {
    return h(
      "button",
      { class: "plain quiz", "data-key": quiz.id, onclick: () => this.open(quiz) },
      h("span", {}, quiz.title),
      h("small", {}, counted(quiz.questionCount, "question")),
    );
  }
}
