import type { Badge } from "@pulselearn/campus-hub/proto/pl/achievement/v1/achievement_pb";
import type { Course } from "@pulselearn/campus-hub/proto/pl/course/v1/course_pb";
import { newKey } from "@pulselearn/campus-hub";
import { Board } from "./board.js";
import type { Campus, Person } from "./campus.js";
import { h, part, put } from "./dom.js";
import { explain, tell } from "./news.js";
import { takeQuiz } from "./quiz.js";

/** Shows a student's courses, quizzes and badges. */
export async function student(hub: Campus, person: Person): Promise<void> {
  const view = new StudentView(hub, person);
  hub.live.subscribe(`user:${person.id}`, {
    events: {
      "pl.achievement.badge_awarded.v1": (badge) => {
        tell("New badge:", `${badge.title}, ${badge.points} points`, "good");
        void view.loadBadges();
      },
      "pl.enrollment.granted.v1": () => void view.loadCourses(),
    },
    resync: () => void view.load(),
  });
  await view.load();
}

class StudentView {
  readonly #courses = h("section", { class: "card", "aria-label": "Courses" });
  readonly #work = h("div", { class: "work" });
  readonly #badges = h("section", { class: "card", "aria-label": "Badges" });
  readonly #class = h("div");
  #board: Board | undefined;
  #waiting = new Set<string>();

  constructor(
    private readonly hub: Campus,
    private readonly person: Person,
  ) {
    put(
      part("main"),
      h("h1", {}, `Hello, ${person.name}`),
      h("div", { class: "columns" }, h("div", {}, this.#courses, this.#work), h("div", {}, this.#badges, this.#class)),
    );
  }

  async load(): Promise<void> {
    await Promise.all([this.loadCourses(), this.loadBadges()]);
  }

  async loadBadges(): Promise<void> {
    try {
      const { badges } = await this.hub.calls.achievement.listBadges({ studentId: this.person.id });
      const points = badges.reduce((sum, b) => sum + b.points, 0);
      put(
        this.#badges,
        h("h2", {}, "Badges ", h("span", { class: "count" }, points, " points")),
        badges.length === 0
          ? h("p", {}, "Pass a quiz to earn your first badge.")
          : h("ul", { class: "badges" }, ...badges.map(medal)),
      );
    } catch (thrown) {
      explain("Your badges could not be read", thrown);
    }
  }

  async loadCourses(): Promise<void> {
    try {
      const [{ courses }, { access }] = await Promise.all([
        this.hub.calls.course.listCourses({}),
        this.hub.calls.course.listAccess({ studentId: this.person.id }),
      ]);
      const mine = new Set(access.map((a) => a.courseId));
      for (const id of mine) this.#waiting.delete(id);
      const items = await Promise.all(courses.map((c) => this.#course(c, mine.has(c.id))));
      put(
        this.#courses,
        h("h2", {}, "Courses"),
        items.length === 0 ? h("p", {}, "No course has been published yet.") : h("ul", { class: "courses" }, ...items),
      );
    } catch (thrown) {
      explain("The courses could not be read", thrown);
    }
  }

  async #course(course: Course, mine: boolean): Promise<HTMLElement> {
    const title = h("h3", {}, course.title, " ", h("small", {}, course.code));
    if (!mine) return h("li", {}, title, this.#joinButton(course));
    const { quizzes } = await this.hub.calls.quiz.listQuizzes({ courseId: course.id });
    return h(
      "li",
      {},
      title,
      quizzes.length === 0 && h("p", {}, "No quizzes yet."),
      ...quizzes.map((quiz) =>
        h("button", { class: "plain", onclick: () => void this.#open(course, quiz.id) }, `Take “${quiz.title}”`),
      ),
    );
  }

  #joinButton(course: Course): HTMLElement {
    if (this.#waiting.has(course.id)) return h("p", {}, "Your payment is on its way; the course opens by itself.");
    return h("button", { onclick: () => void this.#join(course) }, "Join");
  }

  async #join(course: Course): Promise<void> {
    try {
      await this.hub.calls.payment.capturePayment({
        providerReference: newKey(), studentId: this.person.id, studentName: this.person.name,
        courseId: course.id, courseTitle: course.title, amountMinor: course.priceMinor, currency: course.currency,
      });
      this.#waiting.add(course.id);
      await this.loadCourses();
    } catch (thrown) {
      explain(`You could not join ${course.title}`, thrown);
    }
  }

  async #open(course: Course, quizId: string): Promise<void> {
    try {
      const form = await takeQuiz(this.hub, this.person.id, quizId, (quiz, result) => {
        const verdict = `${result.correctCount} of ${result.questionCount} right`;
        tell(quiz.title, result.passed ? `${verdict}. Passed!` : `${verdict}. Not passed yet.`, result.passed ? "good" : "plain");
        put(this.#work);
      });
      put(this.#work, form);
      form.querySelector("h2")?.focus();
      await this.#follow(course);
    } catch (thrown) {
      explain("The quiz could not be opened", thrown);
    }
  }

  async #follow(course: Course): Promise<void> {
    this.#board?.close();
    this.#board = new Board(this.hub, course, this.person.id);
    put(this.#class, this.#board.element);
    await this.#board.load();
  }
}

function medal(badge: Badge): HTMLElement {
  return h("li", {}, h("span", { class: "medal", "aria-hidden": "true" }, "★"), " ", badge.title, " ", h("small", {}, `${badge.points} points`));
}
