import type { ConnectError } from "@connectrpc/connect";
import type { ChannelEvents } from "./channels.js";

/** The families of channels: "user" for "user:123". */
export type Family = keyof ChannelEvents & string;
/** A channel of a family. */
export type Channel<F extends Family = Family> = `${F}:${string}`;

/** An event that has arrived. `event` is its type, and tells which payload `data` is. */
export interface RealtimeEvent<Topic, Data> {
  readonly event: Topic;
  readonly channel: string;
  readonly id: string;
  readonly subject?: string;
  /** RFC 3339. */
  readonly time?: string;
  readonly data: Data;
}

/** Every event that a family's channels carry. */
export type EventOn<F extends Family> = {
  [Topic in keyof ChannelEvents[F]]: RealtimeEvent<Topic, ChannelEvents[F][Topic]>;
}[keyof ChannelEvents[F]];

/**
 * Who listens to a channel that shows it. `members` are all, in the place of what was said before; `joined` and `left` are
 * what has changed. Above a hundred people there is the count alone.
 */
export interface Presence {
  readonly count: number;
  readonly members?: readonly string[];
  readonly joined?: readonly string[];
  readonly left?: readonly string[];
}

/** What a subscription is told. */
export interface Listener<F extends Family> {
  /** Each event once, those of a key in their order. */
  event(event: EventOn<F>): void;
  /** The server listens for this client, again after each break. What is read after the first time misses no event. */
  ready?(): void;
  /** Events are missing: reload what is shown. "behind" is a break that was longer than the server's window. */
  resync?(reason: "behind" | "slow" | "lost"): void;
  /** Whoever has this is told who else listens. */
  presence?(presence: Presence): void;
  /** The caller may not listen, or not any more. The subscription is over. */
  ended?(error: ConnectError): void;
}
