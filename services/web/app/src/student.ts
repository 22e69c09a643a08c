import { newKey } from "@pulselearn/campus-hub";
import type { Badge } from "@pulselearn/campus-hub/proto/pl/achievement/v1/achievement_pb";
import { type Course, CourseStatus } from "@pulselearn/campus-hub/proto/pl/course/v1/course_pb";
import { EnrollmentStatus } from "@pulselearn/campus-hub/proto/pl/enrollment/v1/enrollment_pb";
import type { Quiz } from "@pulselearn/campus-hub/proto/pl/quiz/v1/quiz_pb";
import type { RealtimeClient } from "@pulselearn/campus-hub/realtime";
import { Board } from "./board.js";
import { all, type Campus, type Person } from "./campus.js";
import { counted, h, part, put } from "./dom.js";
import { explain, tell } from "./news.js";
import { QuizSheet } from "./quiz.js";

/** Shows a student's courses, quizzes and badges. */
export async function student(hub: Campus, live: RealtimeClient, person: Person): Promise<void> {
  const view = new StudentView(hub, live, person);
  live.subscribe(`user:${person.id}`, {
    event(e) {
      if (e.event === "pl.achievement.badge_awarded.v1") {
        tell("New badge:", `${e.data.title}, ${counted(e.data.points, "point")}.`, "good");
        void view.loadBadges();
      }
      if (e.event === "pl.enrollment.granted.v1") {
        tell("You are in:", `${e.data.course.title} is open to you now.`, "good");
        void view.loadCourses();
      }
    },
    ready: () => void view.load(),
    resync: () => void view.load(),
  });
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) void view.loadCourses();
  });
  await view.load();
}

class StudentView {
  readonly #courses = h("section", { class: "card", "aria-labelledby": "courses-title" });
  readonly #work = h("div");
  readonly #badges = h("section", { class: "card", "aria-labelledby": "badges-title" });
  readonly #class = h("div");
  readonly #paid = new Set<string>();
  #board: Board | undefined;
  #followed: string | undefined;

  constructor(
    private readonly hub: Campus,
    private readonly live: RealtimeClient,
    private readonly person: Person,
  ) {
    put(
      part("main"),
      h("h1", {}, `Hello, ${person.name}`),
      h("div", { class: "columns" }, h("div", {}, this.#work, this.#courses), h("div", {}, this.#badges, this.#class)),
    );
  }

  async load(): Promise<void> {
    await Promise.all([this.loadCourses(), this.loadBadges()]);
  }

  async loadBadges(): Promise<void> {
    try {
      const studentId = this.person.id;
      const badges = await all((pageToken) => this.hub.achievement.listBadges({ studentId, pageToken, pageSize: 200 }), (p) => p.badges);
      const points = badges.reduce((sum, b) => sum + b.points, 0);
      put(
        this.#badges,
        h("h2", { id: "badges-title" }, "Your badges"),
        badges.length > 0 && h("p", { class: "of" }, counted(points, "point")),
        badges.length === 0
          ? h("p", { class: "empty" }, "Pass a quiz to earn your first badge.")
          : h("ul", { class: "badges" }, ...badges.map(medal)),
      );
    } catch (thrown) {
      explain("Your badges could not be read", thrown);
    }
  }

  async loadCourses(): Promise<void> {
    try {
      const [courses, mine, pending] = await Promise.all([this.#published(), this.#mine(), this.#pending()]);
      for (const id of mine) this.#paid.delete(id);
      const sorted = [...courses.filter((c) => mine.has(c.id)), ...courses.filter((c) => !mine.has(c.id))];
      const items = await Promise.all(sorted.map((c) => this.#course(c, mine.has(c.id), pending.has(c.id) || this.#paid.has(c.id))));
      put(
        this.#courses,
        h("h2", { id: "courses-title", tabindex: -1 }, "Courses"),
        items.length === 0
          ? h("p", { class: "empty" }, "No course has been published yet. Come back soon.")
          : h("ul", { class: "courses" }, ...items),
      );
      const first = sorted.find((c) => mine.has(c.id));
      if (this.#board === undefined && first !== undefined) this.#follow(first);
    } catch (thrown) {
      explain("The courses could not be read", thrown);
    }
  }

  #published(): Promise<Course[]> {
    const status = CourseStatus.PUBLISHED;
    return all((pageToken) => this.hub.course.listCourses({ status, pageToken, pageSize: 200 }), (p) => p.courses);
  }

  async #mine(): Promise<ReadonlySet<string>> {
    const studentId = this.person.id;
    const access = await all((pageToken) => this.hub.course.listAccess({ studentId, pageToken, pageSize: 200 }), (p) => p.access);
    return new Set(access.map((a) => a.courseId));
  }

  /** Courses that are paid for and not open yet. */
  async #pending(): Promise<ReadonlySet<string>> {
    const studentId = this.person.id;
    const enrollments = await all((pageToken) => this.hub.enrollment.listEnrollments({ studentId, pageToken, pageSize: 200 }), (p) => p.enrollments);
    return new Set(enrollments.filter((e) => e.status === EnrollmentStatus.PENDING).map((e) => e.courseId));
  }

  async #course(course: Course, mine: boolean, paid: boolean): Promise<HTMLElement> {
    const title = h(
      "div",
      { class: "title" },
      h("h3", {}, course.title),
      h("p", { class: "of" }, [course.code, course.instructorName].filter(Boolean).join(" · ")),
    );
    if (!mine) return h("li", {}, title, paid ? h("p", { class: "wait" }, "Your payment has arrived. The course opens in a moment.") : this.#joinButton(course));
    const courseId = course.id;
    const quizzes = await all((pageToken) => this.hub.quiz.listQuizzes({ courseId, pageToken, pageSize: 200 }), (p) => p.quizzes);
    return h(
      "li",
      { class: "mine" },
      title,
      quizzes.length === 0
        ? h("p", { class: "empty" }, "No quizzes yet.")
        : h("ul", { class: "quizzes" }, ...quizzes.map((quiz) => h("li", {}, this.#quizButton(course, quiz)))),
    );
  }

  #quizButton(course: Course, quiz: Quiz): HTMLElement {
    return h(
      "button",
      { class: "plain quiz", "data-key": quiz.id, onclick: () => void this.#open(course, quiz) },
      h("span", {}, quiz.title),
      h("small", {}, counted(quiz.questionCount, "question")),
    );
  }

  #joinButton(course: Course): HTMLElement {
    return h("button", { "data-key": course.id, "aria-label": `Join ${course.title} for ${price(course)}`, onclick: (e) => void this.#join(course, e.target) }, `Join for ${price(course)}`);
  }

  async #join(course: Course, button: EventTarget | null): Promise<void> {
    if (button instanceof HTMLButtonElement) button.disabled = true;
    try {
      await this.hub.payment.capturePayment({
        providerReference: `web-${newKey()}`,
        studentId: this.person.id,
        studentName: this.person.name,
        courseId: course.id,
        courseTitle: course.title,
        amountMinor: course.priceMinor,
        currency: course.currency,
      });
      this.#paid.add(course.id);
    } catch (thrown) {
      explain(`You could not join ${course.title}`, thrown);
    }
    await this.loadCourses();
  }

  async #open(course: Course, quiz: Quiz): Promise<void> {
    const sheet = new QuizSheet(this.hub, this.person.id, quiz.id, () => this.#leave());
    put(this.#work, sheet.element);
    this.#courses.hidden = true;
    try {
      await sheet.open();
      this.#follow(course);
    } catch (thrown) {
      this.#leave();
      explain("The quiz could not be opened", thrown);
    }
  }

  #leave(): void {
    put(this.#work);
    this.#courses.hidden = false;
    this.#courses.querySelector("h2")?.focus();
    void this.loadCourses();
  }

  #follow(course: Course): void {
    if (this.#followed === course.id) return;
    this.#board?.close();
    this.#followed = course.id;
    this.#board = new Board(this.hub, this.live, course, this.person.id);
    put(this.#class, this.#board.element);
    void this.#board.load();
  }
}

function price(course: Course): string {
  const format = new Intl.NumberFormat(undefined, { style: "currency", currency: course.currency });
  return format.format(Number(course.priceMinor) / 10 ** (format.resolvedOptions().maximumFractionDigits ?? 2));
}

function medal(badge: Badge): HTMLElement {
  return h("li", {}, h("span", { class: "medal", "aria-hidden": "true" }, "★"), h("span", {}, badge.title), h("small", {}, counted(badge.points, "point")));
}
