import type { ProgressChanged } from "@pulselearn/campus-hub/events/achievement/v1";
import { type Campus, newest } from "./campus.js";
import { h, put } from "./dom.js";
import type { CourseFeed } from "./feed.js";
import type { Names } from "./names.js";
import { explain, unread } from "./news.js";

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
  readonly #lines = new Map<string, Line>();
  /** Reads the board anew. What happens meanwhile arrives over the channel. */
  readonly load = newest(() => this.#read());
  readonly #leave: () => void;

  constructor(
    private readonly hub: Campus,
    feed: CourseFeed,
    private readonly names: Names,
    private readonly course: { readonly id: string; readonly title: string },
    private readonly me?: string,
  ) {
    this.element = h(
      "section",
      { class: "card", "aria-labelledby": "board-title" },
      h("h2", { id: "board-title" }, "Class progress"),
      me !== undefined && h("p", { class: "of" }, course.title),
      h(
        "table",
        {},
        h("thead", {}, h("tr", {}, ...["Student", "Quizzes", "Badges", "Points"].map((t) => h("th", { scope: "col" }, t)))),
        this.#body,
      ),
    );
    this.#leave = feed.join({
      event: (e) => e.event === "pl.achievement.progress_changed.v1" && this.#move(e.data),
      ready: () => void this.load(),
      resync: () => void this.load(),
      ended: (error) => explain("The class's progress does not move any more", error),
    });
  }

  async #read(): Promise<void> {
    try {
      const { entries } = await this.hub.achievement.getLeaderboard({ courseId: this.course.id, limit: lines });
      for (const e of entries) {
        this.names.know(e.studentId, e.displayName);
        const read = { studentId: e.studentId, name: e.displayName, points: Number(e.points), badges: e.badges, quizzes: Number(e.quizzesCompleted) };
        this.#lines.set(e.studentId, newer(this.#lines.get(e.studentId), read));
      }
      this.#show();
    } catch (thrown) {
      unread("The class's progress", thrown);
    }
  }

  close(): void {
    this.#leave();
  }

  #move(progress: ProgressChanged): void {
    const { studentId, points, badges, quizzesCompleted: quizzes } = progress;
    const name = this.#lines.get(studentId)?.name ?? "";
    this.#lines.set(studentId, { studentId, name, points, badges, quizzes });
    this.#show(studentId);
    if (name === "") void this.load();
  }

  #show(moved?: string): void {
    const order = [...this.#lines.values()].sort((a, b) => b.points - a.points || b.quizzes - a.quizzes || a.name.localeCompare(b.name));
    const most = Math.max(1, ...order.map((line) => line.points));
    const rows = order.slice(0, lines).map((line) => this.#row(line, line.points / most, line.studentId === moved));
    put(this.#body, ...(rows.length > 0 ? rows : [h("tr", {}, h("td", { colspan: 4, class: "empty" }, "Nobody has taken a quiz yet. The first points appear here by themselves."))]));
  }

  #row(line: Line, share: number, moved: boolean): HTMLElement {
    const bar = h("span", { class: "bar", "aria-hidden": "true" });
    bar.style.setProperty("--share", String(share));
    const mine = line.studentId === this.me;
    return h(
      "tr",
      { class: [moved && "moved", mine && "me"].filter(Boolean).join(" ") },
      h("th", { scope: "row" }, line.name || "A student", mine && " (you)", bar),
      ...[line.quizzes, line.badges, line.points].map((n) => h("td", {}, n)),
    );
  }
}

/** An answer may be older than an event that has arrived meanwhile. Quizzes only become more. */
function newer(known: Line | undefined, read: Line): Line {
  return known !== undefined && known.quizzes > read.quizzes ? { ...known, name: read.name } : read;
}
