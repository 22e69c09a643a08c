import type { ProgressChanged } from "@pulselearn/campus-hub/events/achievement/v1";
import type { Campus } from "./campus.js";
import { h, put } from "./dom.js";
import { explain } from "./news.js";

interface Line {
  readonly studentId: string;
  readonly name: string;
  readonly points: number;
  readonly badges: number;
  readonly quizzes: number;
}

/** How many lines a board has. */
const lines = 20;

/** The progress of one class, which moves as its students do. */
export class Board {
  readonly element: HTMLElement;
  readonly #body = h("tbody");
  readonly #state = h("span", { class: "live off" }, "connecting");
  readonly #lines = new Map<string, Line>();
  readonly #close: () => void;

  constructor(
    private readonly hub: Campus,
    private readonly course: { readonly id: string; readonly title: string },
    private readonly me?: string,
  ) {
    this.element = h(
      "section",
      { class: "card", "aria-label": `Progress of ${course.title}` },
      h("h2", {}, "Class progress ", this.#state),
      h(
        "table",
        {},
        h("caption", { class: "unseen" }, `Progress of ${course.title}, the most points first`),
        h("thead", {}, h("tr", {}, ...["Student", "Points", "Badges", "Quizzes"].map((t) => h("th", { scope: "col" }, t)))),
        this.#body,
      ),
    );
    this.#close = hub.live.subscribe(`course:${course.id}`, {
      events: { "pl.achievement.progress_changed.v1": (progress) => this.#move(progress) },
      live: (on) => this.#live(on),
      resync: () => void this.load(),
    });
  }

  /** Reads the board anew. What happens meanwhile arrives over the channel. */
  async load(): Promise<void> {
    try {
      const { entries } = await this.hub.calls.achievement.getLeaderboard({ courseId: this.course.id, limit: lines });
      for (const e of entries) {
        const quizzes = Number(e.quizzesCompleted);
        this.#lines.set(e.studentId, {
          studentId: e.studentId, name: e.displayName, points: Number(e.points), badges: e.badges, quizzes,
        });
      }
      this.#show();
    } catch (thrown) {
      explain("The class's progress could not be read", thrown);
    }
  }

  close(): void {
    this.#close();
  }

  #live(on: boolean): void {
    this.#state.textContent = on ? "live" : "reconnecting";
    this.#state.className = on ? "live" : "live off";
  }

  #move(progress: ProgressChanged): void {
    const known = this.#lines.get(progress.studentId);
    this.#lines.set(progress.studentId, {
      studentId: progress.studentId,
      name: known?.name ?? "",
      points: progress.points,
      badges: progress.badges,
      quizzes: progress.quizzesCompleted,
    });
    this.#show(progress.studentId);
    if (known === undefined || known.name === "") void this.load();
  }

  #show(moved?: string): void {
    const order = [...this.#lines.values()].sort((a, b) => b.points - a.points || b.quizzes - a.quizzes);
    const rows = order.slice(0, lines).map((line) =>
      h(
        "tr",
        { class: [line.studentId === moved && "moved", line.studentId === this.me && "me"].filter(Boolean).join(" ") },
        h("th", { scope: "row" }, line.name || "A student", line.studentId === this.me && " (you)"),
        ...[line.points, line.badges, line.quizzes].map((n) => h("td", {}, n)),
      ),
    );
    put(this.#body, ...(rows.length > 0 ? rows : [h("tr", {}, h("td", { colspan: 4 }, "Nobody has taken a quiz yet."))]));
  }
}
