import type { DescMessage, DescMethodUnary, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { Calls } from "./calls.js";
import { type CallCode, codeNamed } from "./failure.js";
import type { Channel, Family, Listener } from "./listener.js";
import { platformSocket, type Socket } from "./socket.js";
import { type Frame, Subscription } from "./subscription.js";
import type { TraceSource } from "./trace.js";
import type { TokenSource } from "./transport.js";

export type { Channel, EventOn, Family, Listener, Presence, RealtimeEvent } from "./listener.js";
export type { Socket } from "./socket.js";
export type { TraceContext, TraceSource } from "./trace.js";

export type State = "connecting" | "ready" | "waiting" | "closed";

/** How a realtime client is connected. */
export interface RealtimeOptions {
  /** The caller's access token, or where it comes from. */
  readonly token: string | TokenSource;
  /** Makes websockets; the platform's unless said. Node 20 has none: give it the one of the package ws. */
  readonly socket?: (url: string, protocols: string[]) => Socket;
  /** Is told when the connection changes; for a sign on the page. `why` says why it is waiting or closed. */
  readonly onState?: (state: State, why?: string) => void;
  /** How long a call may take, over as many connections as that takes; 30,000 unless said. */
  readonly timeoutMillis?: number;
  /** What calls belong to; asked when they begin. */
  readonly trace?: TraceSource;
  readonly firstDelayMillis?: number;
  readonly maxDelayMillis?: number;
}

const protocol = "pl.realtime.v1";
const open = 1;
/** A token is renewed this long before it ends. */
const renewBeforeMillis = 20_000;
/** It is renewed no sooner than this, whatever a clock says that is wrong. */
const renewAfterMillis = 30_000;
/** How long the server may take to let the client in. */
const readyWithinMillis = 20_000;
/** A session that lasted this long has been a success. */
const steadyMillis = 5_000;
/** Failures that may be over soon. */
const passing: ReadonlySet<unknown> = new Set(["unavailable", "deadline_exceeded", "resource_exhausted", "aborted", "internal"]);
/** Sessions that the server ended because of what the client is, so that coming back would not help. */
const forGood: ReadonlySet<number> = new Set([1002, 1003, 1007, 1009, 4400, 4403]);

/**
 * Listens to channels and makes calls over one websocket. After a break it comes back by itself and goes on where it was:
 * each event arrives once, or the listener is told to reload.
 *
 * ```ts
 * const live = new RealtimeClient("https://campus.example", { token: login.token });
 * live.subscribe(`user:${me}`, {
 *   event(e) {
 *     if (e.event === "pl.achievement.badge_awarded.v1") show(e.data.title);
 *   },
 *   resync: () => reload(),
 * });
 * ```
 */
export class RealtimeClient {
  readonly #url: string;
  readonly #options: RealtimeOptions;
  readonly #token: TokenSource;
  readonly #make: (url: string, protocols: string[]) => Socket;
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #calls: Calls;
  #socket: Socket | undefined;
  #ready = false;
  /** Whether this connection has a token that was asked for because the one before was refused. */
  #renewed = false;
  #closed = false;
  #requests = 0;
  #failures = 0;
  #heard = 0;
  #retryAfter = 0;
  #current: string | undefined;
  /** What is to happen, by its name. */
  readonly #timers = new Map<string, ReturnType<typeof setTimeout>>();

  /** Connects to the hub at baseUrl, "https://campus.example". Throws where the platform has no WebSocket and none is given. */
  constructor(baseUrl: string, options: RealtimeOptions) {
    this.#url = baseUrl.replace(/^http/, "ws").replace(/\/$/, "") + "/realtime";
    this.#options = options;
    this.#calls = new Calls(options.timeoutMillis ?? 30_000, options.trace);
    const { token } = options;
    this.#token = typeof token === "string" ? () => token : token;
    this.#make = options.socket ?? platformSocket();
    void this.#connect(false);
  }

  /** Listens to a channel. One listener a channel; the function that is returned ends it. */
  subscribe<F extends Family>(channel: Channel<F>, listener: Listener<F>): () => void {
    if (this.#subscriptions.has(channel)) throw new Error(`${channel} has a listener already`);
    const s = new Subscription(channel, listener as unknown as Listener<Family>);
    this.#subscriptions.set(channel, s);
    if (this.#ready) this.#ask(s);
    return () => {
      if (this.#subscriptions.get(channel) !== s) return; // it is over, and may be somebody else's by now
      this.#subscriptions.delete(channel);
      if (this.#ready) this.#send({ type: "unsubscribe", id: this.#id(), channel });
    };
  }

  /**
   * Makes a call of any context over the websocket. It outlives the connection: a command has a key, under which it runs
   * once. Errors are those of the Connect clients.
   */
  call<I extends DescMessage, O extends DescMessage>(method: DescMethodUnary<I, O>, request: MessageInitShape<I>): Promise<MessageShape<O>> {
    if (this.#closed) return Promise.reject(new ConnectError("the realtime client was closed", Code.Canceled));
    return this.#calls.begin(this.#id(), method, request, (frame) => this.#ready && this.#send(frame));
  }

  /** Ends all subscriptions and calls, and the connection. */
  close(): void {
    this.#end("closed by the application", new ConnectError("the realtime client was closed", Code.Canceled));
  }

  #end(why: string, error: ConnectError): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#clear();
    const socket = this.#socket;
    this.#socket = undefined;
    this.#ready = false;
    socket?.close(1000);
    this.#calls.end(error);
    const ended = [...this.#subscriptions.values()];
    this.#subscriptions.clear();
    this.#options.onState?.("closed", why);
    if (error.code !== Code.Canceled) for (const { listener } of ended) listener.ended?.(error);
  }

  async #connect(renew: boolean): Promise<void> {
    this.#options.onState?.("connecting");
    let token: string | undefined;
    try {
      token = await this.#token(renew);
    } catch {
      return this.#wait("the token could not be renewed");
    }
    if (this.#closed) return;
    if (token === undefined || (renew && token === this.#current)) {
      return this.#end("the person has to log in", new ConnectError("the person has to log in", Code.Unauthenticated));
    }
    this.#current = token;
    this.#renewed = renew;
    this.#heard = Date.now();
    let socket: Socket;
    try {
      socket = this.#make(this.#url, [protocol]);
    } catch (thrown) {
      return this.#end("no websocket can be made", ConnectError.from(thrown, Code.FailedPrecondition));
    }
    this.#socket = socket;
    socket.addEventListener("open", () => this.#socket === socket && this.#send({ type: "auth", id: this.#id(), token }));
    socket.addEventListener("message", ({ data }) => this.#socket === socket && this.#receive(String(data)));
    socket.addEventListener("error", () => undefined); // a close follows
    socket.addEventListener("close", ({ code, reason }) => this.#socket === socket && this.#lost(code, reason));
    this.#after(readyWithinMillis, "ready", () => this.#ready || this.#drop("the server did not answer"));
  }

  /** Gives up a connection that is dead without having been closed. Its own close may take as long as TCP does. */
  #drop(why: string): void {
    const socket = this.#socket;
    if (socket === undefined) return;
    this.#lost(4000, why);
    socket.close(4000, why);
  }

  #lost(code: number, reason: string): void {
    const refused = code === 4401 && this.#renewed;
    this.#socket = undefined;
    this.#ready = false;
    for (const s of this.#subscriptions.values()) s.lost();
    this.#clear();
    if (this.#closed) return;
    if (forGood.has(code)) return this.#end(reason, new ConnectError(`the server ended the session: ${reason} (${code})`, Code.FailedPrecondition));
    if (code === 4401 && !refused) return void this.#connect(true);
    // A token that is refused although it is new: asking for one after the other would help nobody.
    this.#wait(reason || `the connection broke (${code})`, code === 4429 ? 4 : 1, refused);
  }

  /** Comes back later and later, and at another time than everybody else. */
  #wait(why: string, factor = 1, renew = false): void {
    const longest = this.#options.maxDelayMillis ?? 30_000;
    const full = Math.min((this.#options.firstDelayMillis ?? 250) * factor * 2 ** this.#failures++, longest);
    const delay = this.#retryAfter > 0 ? this.#retryAfter : full * (0.5 + Math.random() / 2);
    this.#retryAfter = 0;
    this.#options.onState?.("waiting", why);
    this.#after(delay, "connect", () => void this.#connect(renew));
  }

  #after(millis: number, what: string, work: () => void): void {
    clearTimeout(this.#timers.get(what));
    const timer = setTimeout(() => {
      this.#timers.delete(what);
      work();
    }, millis);
    this.#timers.set(what, timer);
  }

  #clear(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }

  #receive(text: string): void {
    this.#heard = Date.now();
    let frame: Frame;
    try {
      frame = JSON.parse(text) as Frame;
    } catch {
      return;
    }
    switch (frame.type) {
      case "ready":
        return this.#began(frame);
      case "subscribed":
        return this.#of(frame)?.began(frame);
      case "event":
        return this.#of(frame)?.event(frame);
      case "position":
        return this.#of(frame)?.position(frame);
      case "resync":
        return this.#of(frame)?.resync(frame);
      case "presence":
        return this.#of(frame)?.presence(frame);
      case "unsubscribed":
        return this.#unsubscribed(frame);
      case "answer":
        return this.#calls.answer(frame);
      case "error":
        return this.#refused(frame);
      case "bye":
        this.#retryAfter = Number(frame["retryAfterMillis"] ?? 0);
    }
  }

  /** A session has begun, or has been prolonged. */
  #began(frame: Frame): void {
    const heartbeat = Number(frame["heartbeatMillis"] ?? 30_000);
    this.#after(heartbeat, "beat", () => this.#beat(heartbeat));
    if (typeof frame["expires"] === "string") this.#renewAt(Date.parse(frame["expires"]) - renewBeforeMillis);
    if (this.#ready) return;
    this.#ready = true;
    this.#renewed = false;
    this.#after(steadyMillis, "steady", () => (this.#failures = 0));
    this.#options.onState?.("ready");
    for (const s of this.#subscriptions.values()) this.#ask(s);
    for (const call of this.#calls.frames) this.#send(call);
  }

  /** Notices a connection that is dead. */
  #beat(heartbeat: number): void {
    if (Date.now() - this.#heard > 2 * heartbeat) return this.#drop("nothing was heard");
    this.#send({ type: "ping" });
    this.#after(heartbeat, "beat", () => this.#beat(heartbeat));
  }

  #renewAt(at: number): void {
    this.#after(Math.min(Math.max(at - Date.now(), renewAfterMillis), 2 ** 31 - 1), "renew", () => void this.#renew());
  }

  async #renew(): Promise<void> {
    const socket = this.#socket;
    let next: string | undefined;
    try {
      next = await this.#token(false);
      if (next === this.#current) next = await this.#token(true);
    } catch {
      if (socket === this.#socket && this.#ready) this.#renewAt(0); // the source has another chance before the token ends
      return;
    }
    // Without a new token the server ends the session, and then it is noticed.
    if (next === undefined || next === this.#current || socket !== this.#socket) return;
    this.#current = next;
    this.#send({ type: "auth", id: this.#id(), token: next });
  }

  /** Asks for a channel, behind what this client has of it. */
  #ask(s: Subscription): void {
    this.#send(s.ask(this.#id()));
  }

  #unsubscribed(frame: Frame): void {
    const s = this.#of(frame);
    if (s === undefined || typeof frame["reason"] !== "string") return;
    this.#subscriptions.delete(String(frame["channel"]));
    s.listener.ended?.(new ConnectError(frame["reason"], Code.PermissionDenied));
  }

  #of(frame: Frame): Subscription | undefined {
    return this.#subscriptions.get(String(frame["channel"]));
  }

  /** An error belongs to a call or to a channel by its id. */
  #refused(frame: Frame): void {
    const id = String(frame["id"] ?? "");
    const error = new ConnectError(String(frame["message"] ?? ""), codeNamed(frame["code"] as CallCode));
    if (this.#calls.refuse(id, error)) return;
    for (const [channel, s] of this.#subscriptions) {
      if (s.request !== id || id === "") continue;
      if (passing.has(frame["code"])) return this.#later(channel, s);
      this.#subscriptions.delete(channel);
      return s.listener.ended?.(error);
    }
  }

  /** Asks again for a channel that could not be had now. */
  #later(channel: string, s: Subscription): void {
    this.#after(Math.min(500 * 2 ** s.failures++, 30_000) * (0.5 + Math.random() / 2), `subscribe ${channel}`, () => {
      if (this.#ready && this.#subscriptions.get(channel) === s) this.#ask(s);
    });
  }

  #id(): string {
    return `r${++this.#requests}`;
  }

  #send(frame: object): void {
    if (this.#socket?.readyState === open) this.#socket.send(JSON.stringify(frame));
  }
}
