import type { Course } from "@pulselearn/campus-hub/proto/pl/course/v1/course_pb";
import { CourseLevel } from "@pulselearn/campus-hub/proto/pl/course/v1/course_pb";
import { Board } from "./board.js";
import type { Campus, Person } from "./campus.js";
import { h, part, put } from "./dom.js";
import { explain, tell } from "./news.js";
import { writeQuiz } from "./write.js";

/** Shows a teacher's courses, with the class's progress and a way to add quizzes. */
export async function teacher(hub: Campus, person: Person): Promise<void> {
  await new TeacherView(hub, person).load();
}

class TeacherView {
  readonly #courses = h("section", { class: "card", "aria-label": "Your courses" });
  readonly #work = h("div");
  #board: Board | undefined;

  constructor(
    private readonly hub: Campus,
    private readonly person: Person,
  ) {
    put(
      part("main"),
      h("h1", {}, `Hello, ${person.name}`),
      h("div", { class: "columns" }, h("div", {}, this.#courses, this.#newCourse()), this.#work),
    );
  }

  async load(): Promise<void> {
    try {
      const { courses } = await this.hub.calls.course.listCourses({});
      put(
        this.#courses,
        h("h2", {}, "Courses"),
        courses.length === 0
          ? h("p", {}, "There is no course yet: begin one below.")
          : h("ul", { class: "courses" }, ...courses.map((c) => this.#item(c))),
      );
      const first = courses[0];
      if (this.#board === undefined && first !== undefined) await this.#open(first);
    } catch (thrown) {
      explain("The courses could not be read", thrown);
    }
  }

  #item(course: Course): HTMLElement {
    const open = h("button", { class: "plain", onclick: () => void this.#open(course) }, course.title);
    return h("li", {}, open, " ", h("small", {}, course.code));
  }

  async #open(course: Course): Promise<void> {
    this.#board?.close();
    this.#board = new Board(this.hub, course);
    put(this.#work, h("h2", {}, course.title), this.#board.element, writeQuiz(this.hub, this.person, course));
    await this.#board.load();
  }

  #newCourse(): HTMLElement {
    const form = h(
      "form",
      { class: "card" },
      h("h2", {}, "New course"),
      h("label", {}, "Title", h("input", { name: "title", required: true, maxlength: 200 })),
      h("label", {}, "Code", h("input", { name: "code", required: true, maxlength: 20, placeholder: "MATH-7" })),
      h("button", { type: "submit" }, "Publish"),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#publish(new FormData(form)).then((done) => done && form.reset());
    });
    return form;
  }

  async #publish(given: FormData): Promise<boolean> {
    const title = String(given.get("title"));
    try {
      const { course } = await this.hub.calls.course.createCourse({
        title, code: String(given.get("code")), level: CourseLevel.INTRODUCTORY, instructorId: this.person.id,
        instructorName: this.person.name, priceMinor: 4900n, currency: "EUR",
      });
      await this.hub.calls.course.publishCourse({ courseId: course?.id ?? "" });
      tell(title, "is open to students.", "good");
      await this.load();
      return true;
    } catch (thrown) {
      explain("The course was not published", thrown);
      return false;
    }
  }
}
