import { newKey } from "@pulselearn/campus-hub";
import type { Badge } from "@pulselearn/campus-hub/proto/pl/achievement/v1/achievement_pb";
import { type Course, CourseStatus } from "@pulselearn/campus-hub/proto/pl/course/v1/course_pb";
import { EnrollmentStatus } from "@pulselearn/campus-hub/proto/pl/enrollment/v1/enrollment_pb";
import type { Quiz } from "@pulselearn/campus-hub/proto/pl/quiz/v1/quiz_pb";
import type { RealtimeClient } from "@pulselearn/campus-hub/realtime";
import { Board } from "./board.js";
import { all, type Campus, newest, onReturn, type Person } from "./campus.js";
import { counted, h, part, put } from "./dom.js";
import { Names } from "./names.js";
import { explain, tell, unread } from "./news.js";
import { about, OwnCourse } from "./own.js";
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
  onReturn(() => void view.loadCourses()); // new courses are on no channel
  await view.load();
}

class StudentView {
  readonly #courses = h("section", { class: "card", "aria-labelledby": "courses-title" });
  readonly #heading = h("h2", { id: "courses-title", tabindex: -1 }, "Courses");
  readonly #list = h("ul", { class: "courses" });
  readonly #work = h("div");
  readonly #badges = h("section", { class: "card", "aria-labelledby": "badges-title" });
  readonly #class = h("div");
  readonly #paid = new Set<string>();
  readonly #names: Names;
  /** The courses that the student is in, by id. */
  readonly #own = new Map<string, OwnCourse>();
  #board: Board | undefined;
  #followed: string | undefined;
  readonly loadCourses = newest(() => this.#readCourses());
  readonly loadBadges = newest(() => this.#readBadges());

  constructor(
    private readonly hub: Campus,
    private readonly live: RealtimeClient,
    private readonly person: Person,
  ) {
    this.#names = new Names(hub, person);
    put(
      part("main"),
      h("h1", {}, `Hello, ${person.name}`),
      h("div", { class: "columns" }, h("div", {}, this.#work, this.#courses), h("div", {}, this.#badges, this.#class)),
    );
  }

  async load(): Promise<void> {
    await Promise.all([this.loadCourses(), this.loadBadges()]);
  }

  async #readBadges(): Promise<void> {
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
      unread("Your badges", thrown);
    }
  }

  async #readCourses(): Promise<void> {
    try {
      const [courses, mine, pending] = await Promise.all([this.#published(), this.#mine(), this.#pending()]);
      for (const id of mine) this.#paid.delete(id);
      const own = courses.filter((c) => mine.has(c.id));
      const others = courses.filter((c) => !mine.has(c.id));
      for (const [id, course] of this.#own) if (!mine.has(id)) this.#drop(id, course);
      const items = [...own.map((c) => this.#ownCourse(c).element), ...others.map((c) => this.#otherCourse(c, pending.has(c.id)))];
      put(this.#list, ...items);
      put(this.#courses, this.#heading, items.length > 0 ? this.#list : h("p", { class: "empty" }, "No course has been published yet. Come back soon."));
      if (this.#board === undefined && own[0] !== undefined) this.#follow(own[0]);
      await Promise.all([...this.#own.values()].map((course) => course.load()));
    } catch (thrown) {
      unread("The courses", thrown);
    }
  }

  #ownCourse(course: Course): OwnCourse {
    let own = this.#own.get(course.id);
    if (own === undefined) {
      own = new OwnCourse(this.hub, this.live, this.#names, this.person.id, course, (quiz) => void this.#open(course, quiz));
      own.feed.join({ ended: () => this.#drop(course.id, own) });
      this.#own.set(course.id, own);
    }
    return own;
  }

  /** Hears no more of a course, until it is read again that the student is in it. */
  #drop(id: string, own: OwnCourse | undefined): void {
    own?.close();
    this.#own.delete(id);
    if (this.#followed !== id) return;
    this.#board?.close();
    this.#board = this.#followed = undefined;
    put(this.#class);
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

  #otherCourse(course: Course, pending: boolean): HTMLElement {
    const paid = pending || this.#paid.has(course.id);
    return h("li", {}, about(course), paid ? h("p", { class: "wait" }, "Your payment has arrived. The course opens in a moment.") : this.#joinButton(course));
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
    this.#board = new Board(this.hub, this.#ownCourse(course).feed, this.#names, course, this.person.id);
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
