import { type Course, CourseLevel, CourseStatus } from "@pulselearn/campus-hub/proto/pl/course/v1/course_pb";
import { Role } from "@pulselearn/campus-hub/proto/pl/auth/v1/auth_pb";
import type { RealtimeClient } from "@pulselearn/campus-hub/realtime";
import { all, type Campus, newest, onReturn, type Person } from "./campus.js";
import { Desk } from "./desk.js";
import { h, part, put } from "./dom.js";
import { Names } from "./names.js";
import { explain, tell, unread } from "./news.js";

/** Shows a teacher's courses, with the class's progress and a way to add quizzes. Administrators see all courses. */
export async function teacher(hub: Campus, live: RealtimeClient, person: Person): Promise<void> {
  const view = new TeacherView(hub, live, person);
  onReturn(() => void view.load()); // new courses are on no channel
  await view.load();
}

class TeacherView {
  readonly #courses = h("nav", { class: "card", "aria-labelledby": "courses-title" });
  readonly #work = h("div");
  readonly #names: Names;
  readonly load = newest(() => this.#read());
  #desk: Desk | undefined;

  constructor(
    private readonly hub: Campus,
    private readonly live: RealtimeClient,
    private readonly person: Person,
  ) {
    this.#names = new Names(hub, person);
    put(
      part("main"),
      h("h1", {}, `Hello, ${person.name}`),
      h("div", { class: "columns desk" }, h("div", {}, this.#courses, this.#newCourse()), this.#work),
    );
    put(this.#work, h("div", { class: "card empty" }, "Publish a course, and its class appears here."));
  }

  async #read(): Promise<void> {
    try {
      const mine = this.person.role === Role.ADMIN ? {} : { instructorId: this.person.id };
      const read = (pageToken: string) => this.hub.course.listCourses({ ...mine, status: CourseStatus.PUBLISHED, pageToken, pageSize: 200 });
      const courses = await all(read, (p) => p.courses);
      const first = courses[0];
      if (this.#desk === undefined && first !== undefined) this.#show(first);
      put(
        this.#courses,
        h("h2", { id: "courses-title" }, "Courses"),
        courses.length === 0
          ? h("p", { class: "empty" }, "There is no course yet. Publish your first one below.")
          : h("ul", { class: "choices" }, ...courses.map((c) => h("li", {}, this.#choice(c)))),
      );
    } catch (thrown) {
      unread("The courses", thrown);
    }
  }

  #choice(course: Course): HTMLElement {
    const current = course.id === this.#desk?.course.id && "true";
    const open = (): void => {
      this.#show(course);
      void this.load();
    };
    return h("button", { class: "choice-course", "data-key": course.id, "aria-current": current || undefined, onclick: open }, h("span", {}, course.title), h("small", {}, course.code));
  }

  #show(course: Course): void {
    this.#desk?.close();
    this.#desk = new Desk(this.hub, this.live, this.#names, this.person, course);
    put(this.#work, this.#desk.element);
    this.#desk.load();
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
