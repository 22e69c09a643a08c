/** Calls say which trace they belong to, over both transports. */
import { type Context, context, type ContextManager, ROOT_CONTEXT, trace, TraceFlags } from "@opentelemetry/api";
import { activeTrace } from "@pl/platform";
import { AchievementService, createClient, createHubTransport, type HubOptions } from "@pulselearn/campus-hub";
import { RealtimeClient, type RealtimeOptions } from "@pulselearn/campus-hub/realtime";
import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { after, before, describe, it, type TestContext } from "node:test";
import { type Connection, type Frame, makeSocket, ScriptedServer } from "./sockets.js";

const within = { timeout: 20_000 };
const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/** What an application with an SDK of OpenTelemetry has: the context of whoever is running. */
class Contexts implements ContextManager {
  readonly #store = new AsyncLocalStorage<Context>();
  active = (): Context => this.#store.getStore() ?? ROOT_CONTEXT;
  with: ContextManager["with"] = (within, run, self, ...args) => this.#store.run(within, () => run.call(self as never, ...args));
  bind: ContextManager["bind"] = (_, target) => target;
  enable = (): this => this;
  disable = (): this => this;
}

before(() => assert.ok(context.setGlobalContextManager(new Contexts())));
after(() => context.disable());

/** Runs within the span of that traceparent. */
function inSpan<T>(run: () => T): T {
  const [, traceId = "", spanId = ""] = traceparent.split("-");
  return context.with(trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags: TraceFlags.SAMPLED }), run);
}

describe("a call over the websocket", within, () => {
  async function connected(t: TestContext, options: Partial<RealtimeOptions>): Promise<{ server: ScriptedServer; live: RealtimeClient; c: Connection }> {
    const server = await ScriptedServer.start();
    const live = new RealtimeClient(server.url, { token: "t1", socket: makeSocket, firstDelayMillis: 5, maxDelayMillis: 20, ...options });
    t.after(async () => {
      live.close();
      await server.close();
    });
    const c = await server.next();
    await c.letIn();
    return { server, live, c };
  }

  /** Takes the next call, and ends it. */
  async function taken(c: Connection, call: Promise<unknown>): Promise<Frame> {
    const frame = await c.take("call");
    c.send({ type: "answer", id: frame["id"], response: {} });
    await call;
    return frame;
  }

  it("goes on with the trace of the code that makes it, a command and a query", async (t) => {
    const { live, c } = await connected(t, { trace: activeTrace });
    const { awardBadge, listBadges } = AchievementService.method;
    for (const make of [() => live.call(awardBadge, {}), () => live.call(listBadges, {})]) {
      const frame = await taken(c, inSpan<Promise<unknown>>(make));
      assert.equal(frame["traceparent"], traceparent);
      assert.ok(!("tracestate" in frame));
    }
    const outside = await taken(c, live.call(AchievementService.method.listBadges, {}));
    assert.ok(!("traceparent" in outside), "outside of a span there is no trace");
  });

  it("keeps its trace over a break", async (t) => {
    let n = 0;
    const { server, live, c } = await connected(t, { trace: () => ({ traceparent: `${++n}`, tracestate: "rojo=1" }) });
    const call = live.call(AchievementService.method.awardBadge, { studentId: "ada" });
    await c.take("call");
    c.cut();
    const second = await server.next();
    await second.letIn();
    const again = await taken(second, call);
    assert.deepEqual([again["traceparent"], again["tracestate"], n], ["1", "rojo=1", 1]);
  });

  it("has none where the application gives none", async (t) => {
    const { live, c } = await connected(t, { trace: () => ({ traceparent: "", tracestate: "rojo=1" }) });
    const frame = await taken(c, live.call(AchievementService.method.listBadges, {}));
    assert.deepEqual(Object.keys(frame).sort(), ["id", "procedure", "request", "type"]);
  });

  it("fails when the application cannot say its trace, and is not sent", async (t) => {
    let lost = true;
    const { live, c } = await connected(t, {
      trace() {
        if (lost) throw new Error("no tracer");
        return undefined;
      },
    });
    await assert.rejects(live.call(AchievementService.method.awardBadge, {}), /no tracer/);
    lost = false;
    const next = await taken(c, live.call(AchievementService.method.listBadges, {}));
    assert.match(String(next["procedure"]), /ListBadges$/);
  });
});

describe("a call of a Connect client", within, () => {
  /** Lists badges from a hub that is away at first; returns the headers of each attempt. */
  async function attempts(options: Partial<HubOptions>, headers?: HeadersInit): Promise<Headers[]> {
    const sent: Headers[] = [];
    const fetch = (async (_: unknown, init?: RequestInit) => {
      if (sent.push(new Headers(init?.headers)) === 1) throw new TypeError("away");
      return new Response("{}", { headers: { "Content-Type": "application/json" } });
    }) as typeof globalThis.fetch;
    const client = createClient(AchievementService, createHubTransport("http://hub.example", { fetch, retry: { firstDelayMillis: 1 }, ...options }));
    await inSpan(() => client.listBadges({ studentId: "ada" }, headers === undefined ? {} : { headers }));
    return sent;
  }

  it("has the trace on every attempt", async () => {
    const sent = await attempts({ trace: activeTrace });
    assert.deepEqual(sent.map((h) => h.get("traceparent")), [traceparent, traceparent]);
  });

  it("keeps a trace that it has", async () => {
    const own = traceparent.replace("4bf9", "5bf9");
    const sent = await attempts({ trace: activeTrace }, { traceparent: own });
    assert.deepEqual(sent.map((h) => h.get("traceparent")), [own, own]);
  });

  it("has none unless it is asked to", async () => {
    const sent = await attempts({});
    assert.deepEqual(sent.map((h) => h.has("traceparent")), [false, false]);
  });
});
