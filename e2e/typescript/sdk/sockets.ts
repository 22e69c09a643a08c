import type { Socket } from "@pulselearn/campus-hub/realtime";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { WebSocket, WebSocketServer } from "ws";

/** One message of pl.realtime.v1. */
export type Frame = { readonly type: string; readonly [field: string]: unknown };

/** What a browser gives an application, for tests in which time is made. */
export class MadeSocket implements Socket {
  readyState = 0;
  readonly sent: Frame[] = [];
  closedWith: number | undefined;
  readonly #listeners = new Map<string, ((event: never) => void)[]>();

  addEventListener(type: string, listener: (event: never) => void): void {
    this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), listener]);
  }

  #tell(type: string, event: object): void {
    for (const listener of this.#listeners.get(type) ?? []) listener(event as never);
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text) as Frame);
  }

  /** As a peer that is gone lets it: nothing happens. */
  close(code?: number): void {
    this.closedWith = code;
    this.readyState = 2;
  }

  open(): void {
    this.readyState = 1;
    this.#tell("open", {});
  }

  hear(frame: object): void {
    this.#tell("message", { data: JSON.stringify(frame) });
  }

  lose(code: number, reason = ""): void {
    this.readyState = 3;
    this.#tell("close", { code, reason });
  }

  last(type: string): Frame {
    const frame = this.sent.findLast((f) => f.type === type);
    if (frame === undefined) throw new Error(`no frame of type ${type} was sent`);
    return frame;
  }
}

/** A websocket server that does what a test says. */
export class ScriptedServer {
  readonly #server: WebSocketServer;
  readonly #waiting: ((connection: Connection) => void)[] = [];
  readonly #arrived: Connection[] = [];

  private constructor(server: WebSocketServer) {
    this.#server = server;
    server.on("connection", (socket) => {
      const connection = new Connection(socket);
      const next = this.#waiting.shift();
      if (next === undefined) this.#arrived.push(connection);
      else next(connection);
    });
  }

  static async start(): Promise<ScriptedServer> {
    const server = new WebSocketServer({ host: "127.0.0.1", port: 0, path: "/realtime", handleProtocols: () => "pl.realtime.v1" });
    await once(server, "listening");
    return new ScriptedServer(server);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The next connection that a client makes. */
  next(): Promise<Connection> {
    const arrived = this.#arrived.shift();
    if (arrived !== undefined) return Promise.resolve(arrived);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async close(): Promise<void> {
    for (const client of this.#server.clients) client.terminate();
    this.#server.close();
    await once(this.#server, "close");
  }
}

/** The server's end of one connection. */
export class Connection {
  readonly #socket: WebSocket;
  readonly #frames: Frame[] = [];
  #wake: () => void = () => undefined;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("message", (data: Buffer) => {
      this.#frames.push(JSON.parse(data.toString()) as Frame);
      this.#wake();
    });
    socket.on("error", () => undefined);
  }

  /** Takes the next frame of a type; the others are dropped. */
  async take(type: string): Promise<Frame> {
    for (;;) {
      const frame = this.#frames.shift();
      if (frame?.type === type) return frame;
      if (frame === undefined) await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  send(frame: Frame): void {
    this.#socket.send(JSON.stringify(frame));
  }

  /** Lets the client in; returns the token that it showed. */
  async letIn(more: object = {}): Promise<unknown> {
    const { id, token } = await this.take("auth");
    this.send({ type: "ready", id, session: "1", caller: "user:ada", heartbeatMillis: 30_000, ...more });
    return token;
  }

  /** Answers the next request to subscribe; returns the positions that it came with. */
  async listen(more: object = {}): Promise<unknown> {
    const { id, channel, after } = await this.take("subscribe");
    this.send({ type: "subscribed", id, channel, positions: {}, ...more });
    return after;
  }

  event(offset: number, partition = 3, id = `e${partition}-${offset}`): void {
    this.send({ type: "event", channel: "user:ada", event: topic, id, partition, offset, data: {} });
  }

  close(code: number, reason = ""): void {
    this.#socket.close(code, reason);
  }

  /** Breaks the connection as a lost network does. */
  cut(): void {
    this.#socket.terminate();
  }
}

export const topic = "pl.achievement.badge_awarded.v1";

/** Node 20 has no WebSocket of its own. */
export const makeSocket = (url: string, protocols: string[]): Socket => new WebSocket(url, protocols) as unknown as Socket;
