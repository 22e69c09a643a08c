import { type Course, CourseLevel, CourseStatus } from "@pulselearn/campus-hub/proto/pl/course/v1/course_pb";
import { Role } from "@pulselearn/campus-hub/proto/pl/auth/v1/auth_pb";
import type { RealtimeClient } from "@pulselearn/campus-hub/realtime";
import { Board } from "./board.js";
import { all, type Campus, type Person } from "./campus.js";
import { counted, h, part, put } from "./dom.js";
import { explain, tell } from "./news.js";
import { writeQuiz } from "./write.js";

/** Shows a teacher's courses, with the class's progress and a way to add quizzes. Administrators see all courses. */
export async function teacher(hub: Campus, live: RealtimeClient, person: Person): Promise<void> {
  await new TeacherView(hub, live, person).load();
}

class TeacherView {
  readonly #courses = h("nav", { class: "card", "aria-labelledby": "courses-title" });
  readonly #work = h("div");
  readonly #quizzes = h("section", { class: "card", "aria-labelledby": "quizzes-title" });
  #open: Course | undefined;
  #board: Board | undefined;

  constructor(
    private readonly hub: Campus,
    private readonly live: RealtimeClient,
    private readonly person: Person,
  ) {
    put(
      part("main"),
      h("h1", {}, `Hello, ${person.name}`),
      h("div", { class: "columns desk" }, h("div", {}, this.#courses, this.#newCourse()), this.#work),
    );
    put(this.#work, h("div", { class: "card empty" }, "Publish a course, and its class appears here."));
  }

  async load(): Promise<void> {
    try {
      const mine = this.person.role === Role.ADMIN ? {} : { instructorId: this.person.id };
      const read = (pageToken: string) => this.hub.course.listCourses({ ...mine, status: CourseStatus.PUBLISHED, pageToken, pageSize: 200 });
      const courses = await all(read, (p) => p.courses);
      const first = courses[0];
      if (this.#open === undefined && first !== undefined) this.#show(first);
      put(
        this.#courses,
        h("h2", { id: "courses-title" }, "Courses"),
        courses.length === 0
          ? h("p", { class: "empty" }, "There is no course yet. Publish your first one below.")
          : h("ul", { class: "choices" }, ...courses.map((c) => h("li", {}, this.#choice(c)))),
      );
    } catch (thrown) {
      explain("The courses could not be read", thrown);
    }
  }

  #choice(course: Course): HTMLElement {
    const current = course.id === this.#open?.id && "true";
    const open = (): void => {
      this.#show(course);
      void this.load();
    };
    return h("button", { class: "choice-course", "data-key": course.id, "aria-current": current || undefined, onclick: open }, h("span", {}, course.title), h("small", {}, course.code));
  }

  #show(course: Course): void {
    this.#board?.close();
    this.#open = course;
    this.#board = new Board(this.hub, this.live, course);
    put(this.#quizzes);
    put(this.#work, this.#board.element, this.#quizzes, writeQuiz(this.hub, this.person, course, () => void this.#loadQuizzes(course)));
    void this.#board.load();
    void this.#loadQuizzes(course);
  }

  async #loadQuizzes(course: Course): Promise<void> {
    try {
      const courseId = course.id;
      const quizzes = await all((pageToken) => this.hub.quiz.listQuizzes({ courseId, pageToken, pageSize: 200 }), (p) => p.quizzes);
      if (this.#open !== course) return;
      put(
        this.#quizzes,
        h("h2", { id: "quizzes-title" }, "Quizzes"),
        quizzes.length === 0
          ? h("p", { class: "empty" }, "No quizzes yet. Write the first one below.")
          : h("ul", { class: "lines" }, ...quizzes.map((q) => h("li", {}, h("span", {}, q.title), h("small", {}, counted(q.questionCount, "question"))))),
      );
    } catch (thrown) {
      explain("The quizzes could not be read", thrown);
    }
  }

  #newCourse(): HTMLElement {
    const button = h("button", { type: "submit" }, "Publish the course");
    const form = h(
      "form",
      { class: "card", "aria-labelledby": "new-course-title" },
      h("h2", { id: "new-course-title" }, "New course"),
      h("label", {}, "Title", h("input", { name: "title", required: true, maxlength: 200, autocomplete: "off" })),
      h(
        "div",
        { class: "pair" },
        h("label", {}, "Code", h("input", { name: "code", required: true, maxlength: 32, autocomplete: "off", placeholder: "MATH-7" })),
        h("label", {}, "Price in EUR", h("input", { name: "price", type: "number", required: true, min: 1, max: 9999, step: "0.01", value: "49", inputmode: "decimal" })),
      ),
      button,
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      button.disabled = true;
      void this.#publish(form).finally(() => {
        button.disabled = false;
      });
    });
    return form;
  }

  async #publish(form: HTMLFormElement): Promise<void> {
    const given = new FormData(form);
    const title = String(given.get("title"));
    try {
      const { course: draft } = await this.hub.course.createCourse({
        title,
        code: String(given.get("code")),
        level: CourseLevel.INTRODUCTORY,
        instructorId: this.person.id,
        instructorName: this.person.name,
        priceMinor: BigInt(Math.round(Number(given.get("price")) * 100)),
        currency: "EUR",
      });
      const { course } = await this.hub.course.publishCourse({ courseId: draft?.id ?? "" });
      form.reset();
      tell(title, "is open to students.", "good");
      if (course !== undefined) this.#show(course);
      await this.load();
    } catch (thrown) {
      explain("The course was not published", thrown);
    }
  }
}
