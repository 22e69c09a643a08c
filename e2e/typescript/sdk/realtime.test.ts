import { AchievementService, Code, ConnectError } from "@pulselearn/campus-hub";
import { RealtimeClient, type RealtimeOptions, type State } from "@pulselearn/campus-hub/realtime";
import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { type Connection, MadeSocket, makeSocket, ScriptedServer, topic } from "./sockets.js";

/** What a listener and a client were told, in order. */
class Told {
  readonly events: string[] = [];
  readonly resyncs: string[] = [];
  readonly states: State[] = [];
  ready = 0;
  ended: ConnectError | undefined;
  #wake: () => void = () => undefined;

  readonly listener = {
    event: (e: { readonly id: string }) => this.#note(() => this.events.push(e.id)),
    ready: () => this.#note(() => this.ready++),
    resync: (why: string) => this.#note(() => this.resyncs.push(why)),
    ended: (error: ConnectError) => this.#note(() => (this.ended = error)),
  };
  readonly onState = (state: State): void => this.#note(() => this.states.push(state));

  #note(change: () => void): void {
    change();
    this.#wake();
  }

  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((resolve) => (this.#wake = resolve));
  }
}

const within = { timeout: 20_000 };
const quick = { firstDelayMillis: 5, maxDelayMillis: 20 };

/** Connects a client to a server that does what the test says. */
async function scripted(t: TestContext, options: Partial<RealtimeOptions> = {}): Promise<{ server: ScriptedServer; live: RealtimeClient; told: Told }> {
  const server = await ScriptedServer.start();
  const told = new Told();
  const live = new RealtimeClient(server.url, { token: "t1", socket: makeSocket, onState: told.onState, ...quick, ...options });
  t.after(async () => {
    live.close();
    await server.close();
  });
  return { server, live, told };
}

/** Lets a client in that listens to user:ada. */
async function listening(server: ScriptedServer, positions: object = { [`${topic}/3`]: 10 }): Promise<Connection> {
  const c = await server.next();
  await c.letIn();
  await c.listen({ positions });
  return c;
}

describe("a realtime client", within, () => {
  it("goes on behind the last event that it had, and drops what it has seen", async (t) => {
    const { server, live, told } = await scripted(t);
    live.subscribe("user:ada", told.listener);
    const first = await listening(server, { [`${topic}/3`]: 10, [`${topic}/4`]: 7 });
    first.event(11);
    first.event(12);
    await told.until(() => told.events.length === 2);
    first.cut();
    const second = await server.next();
    await second.letIn();
    assert.deepEqual(await second.listen({ resumed: true, positions: { [`${topic}/3`]: 14, [`${topic}/4`]: 9 } }), { [`${topic}/3`]: 12, [`${topic}/4`]: 7 });
    for (const offset of [11, 12, 13, 13, 14]) second.event(offset);
    second.event(8, 4);
    await told.until(() => told.events.length === 5);
    assert.deepEqual(told.events, ["e3-11", "e3-12", "e3-13", "e3-14", "e4-8"]);
    assert.deepEqual([told.ready, told.resyncs], [2, []]);
  });

  it("asks for nothing twice that a position has told it of", async (t) => {
    const { server, live, told } = await scripted(t);
    live.subscribe("user:ada", told.listener);
    const first = await listening(server);
    first.event(12);
    first.send({ type: "position", channel: "user:ada", positions: { [`${topic}/3`]: 11, [`${topic}/5`]: 40 } });
    first.event(13);
    await told.until(() => told.events.length === 2);
    first.cut();
    const second = await server.next();
    await second.letIn();
    assert.deepEqual(await second.listen({ resumed: true }), { [`${topic}/3`]: 13, [`${topic}/5`]: 40 });
  });

  it("says so when events are missing, and goes on where the server is", async (t) => {
    const { server, live, told } = await scripted(t);
    live.subscribe("user:ada", told.listener);
    const first = await listening(server);
    first.send({ type: "resync", channel: "user:ada", reason: "slow", positions: { [`${topic}/3`]: 50 } });
    first.event(50);
    first.event(51);
    await told.until(() => told.events.length === 1);
    first.cut();
    const second = await server.next();
    await second.letIn();
    assert.deepEqual(await second.listen({ resumed: false, positions: { [`${topic}/3`]: 90 } }), { [`${topic}/3`]: 51 });
    second.event(91);
    await told.until(() => told.events.length === 2);
    assert.deepEqual([told.events, told.resyncs], [["e3-51", "e3-91"], ["slow", "behind"]]);
  });

  it("drops an event that was published twice, and has a place of its own for each", async (t) => {
    const { server, live, told } = await scripted(t);
    live.subscribe("user:ada", told.listener);
    const c = await listening(server);
    c.event(11, 3, "a");
    c.event(12, 3, "b");
    c.event(13, 3, "a");
    c.event(14, 3, "c");
    await told.until(() => told.events.includes("c"));
    assert.deepEqual(told.events, ["a", "b", "c"]);
    for (let n = 0; n < 1_000; n++) c.event(100 + n);
    c.event(2_000, 3, "a");
    await told.until(() => told.events.at(-1) === "a"); // nobody remembers for ever
  });

  it("asks who is there for a listener that wants to know, and again after a break", async (t) => {
    const { server, live, told } = await scripted(t);
    const counts: number[] = [];
    live.subscribe("course:c1", { ...told.listener, presence: ({ count }) => (counts.push(count), told.listener.ready()) });
    for (const count of [2, 3]) {
      const c = await server.next();
      await c.letIn();
      const { id, presence } = await c.take("subscribe");
      assert.equal(presence, true);
      c.send({ type: "subscribed", id, channel: "course:c1", positions: {} });
      c.send({ type: "presence", channel: "course:c1", count, members: ["ada"] });
      await told.until(() => counts.at(-1) === count);
      c.cut();
    }
    live.subscribe("user:ada", told.listener);
    const c = await server.next();
    await c.letIn();
    assert.ok("presence" in (await c.take("subscribe")));
    assert.ok(!("presence" in (await c.take("subscribe"))), "a listener without presence does not ask");
  });

  it("gives a new listener nothing of the one before", async (t) => {
    const { server, live, told } = await scripted(t);
    const end = live.subscribe("user:ada", told.listener);
    const c = await listening(server);
    end();
    const fresh = new Told();
    live.subscribe("user:ada", fresh.listener);
    c.event(11); // on its way before the server heard of the end
    const { id } = await c.take("unsubscribe");
    c.send({ type: "unsubscribed", id, channel: "user:ada" });
    assert.equal(await c.listen({ positions: { [`${topic}/3`]: 11 } }), undefined);
    c.event(12);
    await fresh.until(() => fresh.events.length === 1);
    end(); // of the first, again: not of the second
    c.event(13);
    await fresh.until(() => fresh.events.length === 2);
    assert.deepEqual([told.events, fresh.events], [[], ["e3-12", "e3-13"]]);
  });

  it("renews a token that the server refuses, once, and then takes its time", async (t) => {
    const asked: boolean[] = [];
    const token = (renew: boolean): string => `t${asked.push(renew)}`;
    const { server, told } = await scripted(t, { token });
    for (let n = 0; n < 3; n++) {
      const c = await server.next();
      await c.take("auth");
      c.close(4401, "the token is not good");
    }
    await (await server.next()).letIn();
    await told.until(() => told.states.includes("ready"));
    assert.deepEqual(asked, [false, true, true, true]);
    assert.ok(told.states.includes("waiting"));
  });

  it("ends when there is no other token", async (t) => {
    const { server, live, told } = await scripted(t);
    live.subscribe("user:ada", told.listener);
    const c = await server.next();
    await c.take("auth");
    c.close(4401, "expired");
    await told.until(() => told.states.at(-1) === "closed");
    assert.equal(told.ended?.code, Code.Unauthenticated);
  });

  for (const code of [1002, 1007, 4400, 4403]) {
    it(`does not come back after ${code}`, async (t) => {
      const { server, live, told } = await scripted(t);
      live.subscribe("user:ada", told.listener);
      (await listening(server)).close(code, "no");
      await told.until(() => told.states.at(-1) === "closed");
      assert.equal(told.ended?.code, Code.FailedPrecondition);
      await assert.rejects(live.call(AchievementService.method.listBadges, {}), { code: Code.Canceled });
    });
  }

  for (const code of [1001, 4408, 4429]) {
    it(`comes back after ${code}`, async (t) => {
      const { server, live, told } = await scripted(t);
      live.subscribe("user:ada", told.listener);
      const c = await listening(server);
      c.send({ type: "bye", reason: "the process ends", retryAfterMillis: 10 });
      c.close(code, "later");
      await listening(server);
      await told.until(() => told.ready === 2);
    });
  }

  it("asks again for a channel that cannot be had now, and not for one that is refused", async (t) => {
    const { server, live, told } = await scripted(t);
    live.subscribe("user:ada", told.listener);
    const c = await server.next();
    await c.letIn();
    c.send({ type: "error", id: (await c.take("subscribe"))["id"], code: "unavailable", message: "the context is away" });
    c.send({ type: "error", id: (await c.take("subscribe"))["id"], code: "permission_denied", message: "not yours" });
    await told.until(() => told.ended !== undefined);
    assert.equal(told.ended?.code, Code.PermissionDenied);
    live.subscribe("user:ada", told.listener);
    await c.listen();
  });

  it("repeats a call that a break has cut off, under its key", async (t) => {
    const { server, live } = await scripted(t);
    const badge = live.call(AchievementService.method.awardBadge, { studentId: "ada" });
    const first = await server.next();
    await first.letIn();
    const before = await first.take("call");
    first.cut();
    const second = await server.next();
    await second.letIn();
    const again = await second.take("call");
    assert.deepEqual([again["id"], again["key"]], [before["id"], before["key"]]);
    assert.ok(typeof again["key"] === "string");
    second.send({ type: "answer", id: again["id"], response: {} });
    await badge;
    const refused = live.call(AchievementService.method.listBadges, {});
    const { id, key } = await second.take("call");
    assert.equal(key, undefined, "a query needs none");
    second.send({ type: "answer", id, error: { code: "not_found", message: "nobody" } });
    await assert.rejects(refused, { code: Code.NotFound });
  });

  it("does without the platform's WebSocket, and says so where there is none", () => {
    const platform = globalThis as { WebSocket?: unknown };
    const own = platform.WebSocket;
    delete platform.WebSocket;
    try {
      assert.throws(() => new RealtimeClient("http://127.0.0.1:1", { token: "t" }), /package "ws"/);
    } finally {
      if (own !== undefined) platform.WebSocket = own;
    }
  });
});

/** A client in a world where the test makes time and sockets. */
class World {
  readonly sockets: MadeSocket[] = [];
  readonly told = new Told();
  readonly live: RealtimeClient;
  readonly #t: TestContext;

  constructor(t: TestContext, options: Partial<RealtimeOptions> = {}) {
    this.#t = t;
    t.mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_800_000_000_000 });
    const socket = (): MadeSocket => this.sockets[this.sockets.push(new MadeSocket()) - 1]!;
    this.live = new RealtimeClient("https://campus.example", { token: "t1", socket, onState: this.told.onState, ...options });
  }

  /** Lets everything happen that waits for no time. */
  async settle(): Promise<void> {
    for (let n = 0; n < 20; n++) await Promise.resolve();
  }

  async pass(millis: number): Promise<void> {
    this.#t.mock.timers.tick(millis);
    await this.settle();
  }

  get socket(): MadeSocket {
    return this.sockets.at(-1)!;
  }

  async ready(more: object = {}): Promise<void> {
    await this.settle();
    this.socket.open();
    this.socket.hear({ type: "ready", heartbeatMillis: 30_000, ...more });
  }
}

describe("a realtime client, as time passes", within, () => {
  it("comes back later and later, at another time than others", async (t) => {
    const random = t.mock.method(Math, "random", () => 0.5);
    const world = new World(t);
    await world.settle();
    for (const delay of [250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]) {
      const have = world.sockets.length;
      world.socket.lose(1006);
      await world.pass(delay * 0.75 - 1);
      assert.equal(world.sockets.length, have, `before ${delay * 0.75} ms`);
      await world.pass(1);
      assert.equal(world.sockets.length, have + 1, `after ${delay * 0.75} ms`);
    }
    random.mock.mockImplementation(() => 0);
    world.socket.lose(1006);
    await world.pass(15_000);
    assert.equal(world.sockets.length, 11, "half of the delay is left to chance");
    world.live.close();
  });

  it("begins anew with short delays only when a session has lasted", async (t) => {
    t.mock.method(Math, "random", () => 1);
    const world = new World(t);
    for (const delay of [250, 500, 1_000]) {
      await world.ready();
      world.socket.lose(1006); // lets everybody in, and falls
      await world.pass(delay);
    }
    assert.equal(world.sockets.length, 4);
    await world.ready();
    await world.pass(5_000);
    world.socket.lose(1006);
    await world.pass(250);
    assert.equal(world.sockets.length, 5);
    world.live.close();
  });

  it("comes back when the server has asked it to", async (t) => {
    const world = new World(t);
    await world.ready();
    world.socket.hear({ type: "bye", retryAfterMillis: 2_310 });
    world.socket.lose(1001);
    await world.pass(2_309);
    assert.equal(world.sockets.length, 1);
    await world.pass(1);
    assert.equal(world.sockets.length, 2);
    world.live.close();
  });

  it("gives up a connection that is dead without having been closed", async (t) => {
    const world = new World(t);
    await world.ready();
    await world.pass(30_000);
    assert.equal(world.socket.last("ping").type, "ping");
    world.socket.hear({ type: "pong" });
    await world.pass(30_000);
    await world.pass(30_000);
    assert.equal(world.told.states.at(-1), "ready");
    await world.pass(30_000);
    assert.equal(world.told.states.at(-1), "waiting");
    assert.equal(world.socket.closedWith, 4000);
    await world.pass(250);
    assert.equal(world.sockets.length, 2);
    world.live.close();
  });

  it("does not wait for ever to be let in", async (t) => {
    const world = new World(t);
    await world.settle();
    world.socket.open();
    await world.pass(20_000);
    assert.equal(world.told.states.at(-1), "waiting");
    world.live.close();
  });

  it("renews the token before it ends, and keeps the session", async (t) => {
    const asked: boolean[] = [];
    const world = new World(t, { token: (renew) => (asked.push(renew), renew ? "t2" : "t1") });
    await world.ready({ expires: new Date(Date.now() + 300_000).toISOString() });
    for (let n = 0; n < 9; n++) {
      await world.pass(30_000);
      world.socket.hear({ type: "pong" });
    }
    assert.deepEqual(asked, [false]);
    await world.pass(10_000);
    assert.deepEqual(asked, [false, false, true]);
    assert.equal(world.socket.last("auth")["token"], "t2");
    assert.equal(world.sockets.length, 1);
    world.live.close();
  });

  it("does not renew over and over where the clock is wrong", async (t) => {
    let asked = 0;
    const world = new World(t, { token: (renew) => (renew ? `t${++asked}` : `t${asked}`) });
    await world.ready({ expires: new Date(Date.now() - 3_600_000).toISOString() });
    for (let second = 0; second < 60; second++) {
      await world.pass(1_000);
      world.socket.hear({ type: "ready", heartbeatMillis: 30_000, expires: new Date(Date.now() - 3_600_000).toISOString() });
    }
    assert.ok(asked <= 2, `${asked} tokens in a minute`);
    world.live.close();
  });

  it("survives a source of tokens that fails", async (t) => {
    let away = false;
    const token = (renew: boolean): string => {
      if (away) throw new Error("the provider is away");
      return renew ? "t2" : "t1";
    };
    const world = new World(t, { token });
    await world.ready({ expires: new Date(Date.now() + 60_000).toISOString() });
    away = true;
    await world.pass(40_000);
    world.socket.hear({ type: "pong" });
    away = false;
    await world.pass(30_000);
    assert.equal(world.socket.last("auth")["token"], "t2");
    assert.equal(world.sockets.length, 1);
    world.live.close();
  });

  it("leaves no timer behind, and says nothing more", async (t) => {
    const world = new World(t);
    world.live.subscribe("user:ada", world.told.listener);
    const call = world.live.call(AchievementService.method.listBadges, {});
    await world.ready({ expires: new Date(Date.now() + 300_000).toISOString() });
    const { socket } = world;
    world.live.close();
    await assert.rejects(call, { code: Code.Canceled });
    socket.hear({ type: "ready", heartbeatMillis: 10 });
    socket.lose(1000);
    const sent = socket.sent.length;
    await world.pass(3_600_000);
    assert.deepEqual([world.sockets.length, socket.sent.length, world.told.states.at(-1)], [1, sent, "closed"]);
  });

  it("leaves no timer behind where it waits", async (t) => {
    const world = new World(t);
    await world.settle();
    world.socket.lose(1006);
    world.live.close();
    await world.pass(3_600_000);
    assert.equal(world.sockets.length, 1);
  });

  it("ends a call that nobody answers", async (t) => {
    const world = new World(t);
    const call = world.live.call(AchievementService.method.listBadges, {});
    const refused = assert.rejects(call, { code: Code.DeadlineExceeded });
    await world.pass(30_000);
    await refused;
    world.live.close();
  });
});
