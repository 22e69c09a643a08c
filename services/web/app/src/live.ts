import type { ChannelEvents } from "@pulselearn/campus-hub";
import type { OidcClient } from "@pulselearn/campus-hub/oidc";

/** What a listener of a channel of one family hears. */
export interface Listener<F extends keyof ChannelEvents> {
  readonly events: { readonly [T in keyof ChannelEvents[F]]?: (data: ChannelEvents[F][T]) => void };
  /** Events may be missing: read anew what they change. */
  readonly resync: () => void;
  /** Whether events arrive now. */
  readonly live?: (on: boolean) => void;
}

type Positions = Record<string, number>;

/** What the server sends. docs/realtime.md describes it. */
interface Frame {
  readonly type: string;
  readonly id?: string;
  readonly channel?: string;
  readonly event?: string;
  readonly partition?: number;
  readonly offset?: number;
  readonly data?: unknown;
  readonly positions?: Positions;
  readonly resumed?: boolean;
  readonly message?: string;
  readonly code?: string;
  readonly expires?: string;
  readonly heartbeatMillis?: number;
  readonly retryAfterMillis?: number;
}

interface Channel {
  readonly listener: {
    readonly events: { readonly [topic: string]: ((data: never) => void) | undefined };
    readonly resync: () => void;
    readonly live?: (on: boolean) => void;
  };
  positions: Positions | undefined;
  /** The id of the subscription that has not been answered. */
  asked: string | undefined;
}

/** The pauses before the page tries again, in milliseconds. */
const firstPause = 250;
const longestPause = 5_000;

/** A token is renewed this long before it ends. */
const renewBefore = 45_000;

/** One websocket to the hub, which comes back by itself and goes on where it was. */
export class Live {
  readonly #channels = new Map<string, Channel>();
  #socket: WebSocket | undefined;
  #ready = false;
  #pause = firstPause;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #renewal: ReturnType<typeof setTimeout> | undefined;
  #silence: ReturnType<typeof setTimeout> | undefined;
  #patience = 75_000;
  #serial = 0;
  #closed = false;

  constructor(
    private readonly url: string,
    private readonly token: OidcClient["token"],
  ) {
    addEventListener("online", this.#now);
  }

  /** Listens to a channel until the function that it returns is called. */
  subscribe<F extends keyof ChannelEvents & string>(channel: `${F}:${string}`, listener: Listener<F>): () => void {
    const own: Channel = { listener, positions: undefined, asked: undefined };
    this.#channels.set(channel, own);
    if (this.#ready) this.#ask(channel, own);
    else if (this.#socket === undefined && this.#timer === undefined) this.#connect();
    return () => {
      if (this.#channels.get(channel) !== own) return;
      this.#channels.delete(channel);
      if (this.#ready) this.#send({ type: "unsubscribe", channel });
    };
  }

  /** Ends the connection for good. */
  close(): void {
    this.#closed = true;
    removeEventListener("online", this.#now);
    this.#channels.clear();
    clearTimeout(this.#timer);
    this.#socket?.close(1000);
  }

  readonly #now = (): void => {
    if (this.#socket === undefined && !this.#closed) this.#connect();
  };

  #connect(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const socket = new WebSocket(this.url, "pl.realtime.v1");
    this.#socket = socket;
    socket.onopen = () => void this.#authenticate(false);
    socket.onmessage = ({ data }) => {
      this.#listen();
      if (this.#socket === socket && typeof data === "string") this.#take(JSON.parse(data) as Frame);
    };
    socket.onclose = ({ code }) => {
      if (this.#socket === socket) this.#lost(code);
    };
    this.#listen();
  }

  /** Gives up a connection from which nothing comes, not even heartbeats. */
  #listen(): void {
    clearTimeout(this.#silence);
    const socket = this.#socket;
    this.#silence = setTimeout(() => {
      if (this.#socket !== socket) return;
      socket?.close();
      this.#lost(4408);
    }, this.#patience);
  }

  async #authenticate(renew: boolean): Promise<void> {
    const socket = this.#socket;
    try {
      const token = await this.token(renew);
      if (token === undefined) this.close();
      else if (this.#socket === socket) this.#send({ type: "auth", token });
    } catch {
      if (!this.#ready) socket?.close();
    }
  }

  #lost(code: number): void {
    this.#socket = undefined;
    this.#ready = false;
    clearTimeout(this.#renewal);
    clearTimeout(this.#silence);
    for (const channel of this.#channels.values()) {
      channel.asked = undefined;
      channel.listener.live?.(false);
    }
    if (this.#closed) return;
    if (code === 4401) void this.token(true).catch(() => undefined);
    this.#timer ??= setTimeout(() => this.#connect(), this.#pause * (1 - Math.random() / 2));
    this.#pause = Math.min(this.#pause * 2, longestPause);
  }

  #take(frame: Frame): void {
    const channel = this.#channels.get(frame.channel ?? "");
    if (frame.type === "ready") this.#welcome(frame);
    else if (frame.type === "bye") this.#pause = Math.max(firstPause, frame.retryAfterMillis ?? 0);
    else if (frame.type === "error") this.#refused(frame);
    else if (channel === undefined) return;
    else if (frame.type === "subscribed" && channel.asked === frame.id) this.#subscribed(channel, frame);
    else if (frame.type === "position") advance(channel, frame.positions ?? {});
    else if (frame.type === "resync") {
      channel.positions = { ...frame.positions };
      channel.listener.resync();
    } else if (frame.type === "event") {
      advance(channel, { [`${frame.event}/${frame.partition}`]: frame.offset ?? -1 });
      channel.listener.events[frame.event ?? ""]?.(frame.data as never);
    }
  }

  #welcome(frame: Frame): void {
    const first = !this.#ready;
    this.#ready = true;
    this.#pause = firstPause;
    this.#patience = 2.5 * (frame.heartbeatMillis ?? 30_000);
    clearTimeout(this.#renewal);
    if (frame.expires !== undefined) {
      const left = Date.parse(frame.expires) - Date.now() - renewBefore;
      this.#renewal = setTimeout(() => void this.#authenticate(true), Math.max(left, firstPause));
    }
    if (first) for (const [name, channel] of this.#channels) this.#ask(name, channel);
  }

  #ask(name: string, channel: Channel): void {
    channel.asked = String(++this.#serial);
    const after = channel.positions;
    this.#send({ type: "subscribe", id: channel.asked, channel: name, ...(after !== undefined && { after }) });
  }

  #subscribed(channel: Channel, frame: Frame): void {
    const missed = channel.positions !== undefined && frame.resumed !== true;
    if (frame.resumed !== true) channel.positions = { ...frame.positions };
    channel.asked = undefined;
    channel.listener.live?.(true);
    if (missed) channel.listener.resync();
  }

  /** A channel that is refused for now is asked for again with the next connection. */
  #refused(frame: Frame): void {
    for (const channel of this.#channels.values()) {
      if (channel.asked === frame.id) channel.asked = undefined;
    }
    if (frame.code === "unavailable") this.#socket?.close();
  }

  #send(request: object): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(request));
  }
}

function advance(channel: Channel, positions: Positions): void {
  channel.positions ??= {};
  for (const [place, offset] of Object.entries(positions)) {
    channel.positions[place] = Math.max(channel.positions[place] ?? -1, offset);
  }
}
