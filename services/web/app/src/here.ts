import type { Presence } from "@pulselearn/campus-hub/realtime";
import { counted, h, listed, put } from "./dom.js";
import type { CourseFeed } from "./feed.js";
import type { Names } from "./names.js";
import { say } from "./news.js";

/** How many people are named. The others are counted. */
const named = 5;

/** Says who has a course on their page now. */
export class Here {
  readonly element = h("p", { class: "here" });
  readonly #ends: readonly (() => void)[];
  /** Everybody's ids; undefined where there are too many to be named. */
  #members: Set<string> | undefined;

  constructor(
    feed: CourseFeed,
    private readonly names: Names,
    private readonly me: string,
  ) {
    this.#ends = [
      feed.join({ presence: (p) => this.#take(p), ended: () => put(this.element) }),
      names.watch(() => this.#members !== undefined && this.#show(this.#members.size)),
    ];
  }

  close(): void {
    for (const end of this.#ends) end();
  }

  #take({ count, members, joined = [], left = [] }: Presence): void {
    if (members !== undefined) this.#members = new Set(members);
    else if (joined.length + left.length === 0) this.#members = undefined;
    for (const id of joined) this.#members?.add(id);
    for (const id of left) this.#members?.delete(id);
    this.#members?.add(this.me); // who is told is here, whatever the hub has not told yet
    this.#show(this.#members?.size ?? count);
    void this.names.ask(this.#members ?? []).then(() => {
      this.#tell(joined, "is here now", "are here now");
      this.#tell(left, "has left", "have left");
    });
  }

  #show(count: number): void {
    const who = count === 1 ? "only you" : listed(this.#who(count));
    put(this.element, h("strong", {}, `${count} here now`), this.#members !== undefined && `: ${who}`);
  }

  /** "you", "Ben", "Tess", "2 others". */
  #who(count: number): string[] {
    const said = ["you", ...this.#known(this.#members ?? [])].slice(0, named);
    return count > said.length ? [...said, counted(count - said.length, "other")] : said;
  }

  /** The names of other people, as far as they are known. */
  #known(ids: Iterable<string>): string[] {
    const names = [...ids].filter((id) => id !== this.me).map((id) => this.names.of(id));
    return names.filter((name) => name !== undefined).sort((a, b) => a.localeCompare(b));
  }

  /** Says a change to those who listen to the page. */
  #tell(ids: readonly string[], one: string, many: string): void {
    const count = ids.filter((id) => id !== this.me).length;
    const said = this.#known(ids).slice(0, named);
    if (count > said.length) said.push(said.length > 0 ? counted(count - said.length, "other") : counted(count, "person", "people"));
    if (count > 0) say(`${listed(said)} ${count === 1 ? one : many}.`);
  }
}
