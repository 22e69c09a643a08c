
import type { EventOn, Family, Listener, Presence } from "./listener.js";

/** What a server has said. */
export type Frame = { readonly type?: string; readonly [field: string]: unknown };

type Positions = { [partition: string]: number };

/** How many events of a channel are recognized when they come again. */
const remembered = 1_000;

/** How far a client is in one channel. It tells the listener each event once, over any number of connections. */
export class Subscription {
  /** The request that is to be answered, or was. Answers to earlier ones are of no interest. */
  request = "";
  /** How often the channel could not be had since it was had the last time. */
  failures = 0;
  /** Whether the server listens for this client now. */
  #live = false;
  /** How far this client is; undefined before the first answer. */
  #positions: Positions | undefined;
  /** The last events: one that was published twice, by a server that was killed in between, has two places and one id. */
  readonly #seen = new Set<string>();

  constructor(
    private readonly channel: string,
    readonly listener: Listener<Family>,
  ) {}

  /** The frame that asks for the channel, behind what this client has. */
  ask(id: string): object {
    this.request = id;
    return {
      type: "subscribe",
      id,
      channel: this.channel,
      ...(this.#positions !== undefined && { after: this.#positions }),
      ...(this.listener.presence !== undefined && { presence: true }),
    };
  }

  /** The connection is gone. */
  lost(): void {
    this.#live = false;
  }

  /** The server has answered. */
  began(frame: Frame): void {
    if (frame["id"] !== this.request) return;
    this.#live = true;
    this.failures = 0;
    const behind = frame["resumed"] === false;
    // After a resume the events behind the old positions follow; their order in the frame does not matter.
    if (this.#positions === undefined || behind) this.#positions = { ...(frame["positions"] as Positions) };
    this.listener.ready?.();
    if (behind) this.listener.resync?.("behind");
  }

  event(frame: Frame): void {
    const { partition, offset, type: _, ...event } = frame;
    if (!this.#live || typeof offset !== "number") return;
    this.#positions ??= {};
    const at = `${String(frame["event"])}/${String(partition)}`;
    if (offset <= (this.#positions[at] ?? -1)) return;
    this.#positions[at] = offset;
    if (this.#isNew(`${String(frame["event"])} ${String(frame["id"])}`)) this.listener.event(event as unknown as EventOn<Family>);
  }

  #isNew(id: string): boolean {
    if (this.#seen.has(id)) return false;
    this.#seen.add(id);
    if (this.#seen.size > remembered) this.#seen.delete(this.#seen.values().next().value!);
    return true;
  }

  position(frame: Frame): void {
    if (!this.#live) return;
    this.#positions ??= {};
    for (const [at, offset] of Object.entries((frame["positions"] ?? {}) as Positions)) {
      this.#positions[at] = Math.max(this.#positions[at] ?? -1, offset);
    }
  }

  resync(frame: Frame): void {
    if (!this.#live) return;
    this.#positions = { ...(frame["positions"] as Positions) };
    this.listener.resync?.(frame["reason"] === "lost" ? "lost" : "slow");
  }

  presence(frame: Frame): void {
    if (this.#live) this.listener.presence?.(frame as unknown as Presence);
  }
}
