import type { Listener, RealtimeClient } from "@pulselearn/campus-hub/realtime";

/** What a part of the page wants to hear of a course. */
export type Hearer = Partial<Listener<"course">>;

/** The channel of one course, for all parts of the page that show something of it. */
export class CourseFeed {
  readonly #hearers = new Set<Hearer>();
  readonly #close: () => void;

  constructor(live: RealtimeClient, courseId: string) {
    const tell = (what: (hearer: Hearer) => void): void => [...this.#hearers].forEach(what);
    this.#close = live.subscribe(`course:${courseId}`, {
      event: (e) => tell((hearer) => hearer.event?.(e)),
      ready: () => tell((hearer) => hearer.ready?.()),
      resync: (reason) => tell((hearer) => hearer.resync?.(reason)),
      presence: (p) => tell((hearer) => hearer.presence?.(p)),
      ended: (error) => tell((hearer) => hearer.ended?.(error)),
    });
  }

  /** Tells a part of the page what it wants to hear from now on. The function that is returned ends it. */
  join(hearer: Hearer): () => void {
    this.#hearers.add(hearer);
    return () => this.#hearers.delete(hearer);
  }

  /** Nobody hears anything any more. */
  close(): void {
    this.#hearers.clear();
    this.#close();
  }
}
