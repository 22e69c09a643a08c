import { Role } from "@pulselearn/campus-hub/proto/pl/auth/v1/auth_pb";
import type { Campus, Person } from "./campus.js";

/**
 * The names of people, as far as the person at this page may know them: teachers may ask for everybody's, students learn
 * those that the page has shown them.
 */
export class Names {
  readonly #known = new Map<string, string>();
  readonly #asked = new Set<string>();
  readonly #watchers = new Set<() => void>();

  constructor(
    private readonly hub: Campus,
    private readonly me: Person,
  ) {}

  of(id: string): string | undefined {
    return this.#known.get(id);
  }

  /** Learns a name. An empty one is none. */
  know(id: string, name: string): void {
    if (name === "" || this.#known.get(id) === name) return;
    this.#known.set(id, name);
    for (const watcher of this.#watchers) watcher();
  }

  /** Calls watcher when there is a name more. The function that is returned ends it. */
  watch(watcher: () => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** Asks for the names that are missing. Those that cannot be had now stay unknown: nobody needs them to go on. */
  async ask(ids: Iterable<string>): Promise<void> {
    const userIds = [...ids].filter((id) => !this.#known.has(id) && !this.#asked.has(id));
    if (this.me.role === Role.STUDENT || userIds.length === 0) return;
    for (const id of userIds) this.#asked.add(id);
    try {
      const { users } = await this.hub.profile.batchGetUsers({ userIds });
      for (const user of users) this.know(user.id, user.displayName);
    } catch {
      for (const id of userIds) this.#asked.delete(id);
    }
  }
}
