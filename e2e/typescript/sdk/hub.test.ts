/** The SDK at a real hub, which the test kills: PL_HUB_URL is where it is, PL_CONTROL where it is killed and started. */
import { AchievementService, Code, createClients } from "@pulselearn/campus-hub";
import { OidcClient, type SessionStore } from "@pulselearn/campus-hub/oidc";
import { BadgeKind } from "@pulselearn/campus-hub/proto/pl/achievement/v1/achievement_pb";
import { RealtimeClient } from "@pulselearn/campus-hub/realtime";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { makeSocket } from "./sockets.js";

const url = process.env["PL_HUB_URL"] ?? "";

/** A browser: it keeps a session and cookies, and counts renewals. */
class Browser implements SessionStore {
  readonly #items = new Map<string, string>();
  readonly #cookies = new Map<string, string>();
  renewals = 0;

  getItem = (key: string): string | null => this.#items.get(key) ?? null;
  setItem = (key: string, value: string): void => void this.#items.set(key, value);
  removeItem = (key: string): void => void this.#items.delete(key);

  readonly fetch = ((input: string, init?: RequestInit) => {
    if (String(init?.body).includes("grant_type=refresh_token")) this.renewals++;
    return fetch(input, init);
  }) as typeof globalThis.fetch;

  /** A page of the application that this browser shows. */
  page(): OidcClient {
    return new OidcClient({ issuer: url, clientId: "web", redirectUri: `${url}/`, store: this, fetch: this.fetch });
  }

  async #go(to: string, form?: URLSearchParams): Promise<Response> {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const headers = { cookie, origin: url };
    const answer = await fetch(new URL(to, url), { redirect: "manual", headers, ...(form && { method: "POST", body: form }) });
    for (const line of answer.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line)!;
      this.#cookies.set(name!, value!);
    }
    return answer;
  }

  /** Follows a person to the provider and types the password; returns where the code is sent. */
  async #typePassword(start: string, name: string): Promise<string> {
    let answer = await this.#go(start);
    while (answer.status >= 300 && answer.status < 400) answer = await this.#go(answer.headers.get("location")!);
    const form = new URLSearchParams({ name, password: "pulselearn" });
    for (const [, field, value] of (await answer.text()).matchAll(/name="(request|token)" value="([^"]*)"/g)) form.set(field!, value!);
    answer = await this.#go("/oauth/login", form);
    for (let to = answer.headers.get("location"); ; to = answer.headers.get("location")) {
      assert.ok(to !== null, `the log-in ends with ${answer.status}`);
      if (new URL(to, url).searchParams.has("code")) return new URL(to, url).href;
      answer = await this.#go(to);
    }
  }

  async logIn(name: string): Promise<OidcClient> {
    const login = this.page();
    await login.resume(await this.#typePassword(await login.authorizationUrl(), name));
    assert.ok(login.loggedIn);
    return login;
  }
}

async function control(what: "kill" | "start"): Promise<void> {
  const answer = await fetch(`${process.env["PL_CONTROL"]}/${what}`, { method: "POST" });
  assert.equal(answer.status, 200, await answer.text());
}

/** Waits for what a listener is told. */
class Heard {
  readonly badges: string[] = [];
  ready = 0;
  #wake: () => void = () => undefined;

  note(change: () => void): void {
    change();
    this.#wake();
  }

  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((resolve) => (this.#wake = resolve));
  }
}

describe("the SDK at a hub", { timeout: 60_000 }, () => {
  it("logs in with a code and PKCE, and renews with rotation, once for two pages", async () => {
    const browser = new Browser();
    const login = await browser.logIn("ben");
    const other = browser.page();
    const first = await login.token();
    const renewed = await Promise.all([login.token(true), other.token(true), login.token(true)]);
    assert.equal(new Set(renewed).size, 1);
    assert.notEqual(renewed[0], first);
    assert.equal(browser.renewals, 1);
    assert.notEqual(await other.token(true), renewed[0], "the rotated token is good for the next");
    const clients = createClients(url, { token: login.token });
    const studentId = String(login.claims?.["sub"]);
    assert.deepEqual((await clients.achievement.listBadges({ studentId })).badges, []);
    assert.match((await login.logOut())!, /id_token_hint/);
    await assert.rejects(clients.achievement.listBadges({ studentId }), { code: Code.Unauthenticated });
  });

  it("hears of every badge once, also of those behind a hub that was killed", async (t) => {
    const [tess, ada] = await Promise.all([new Browser().logIn("tess"), new Browser().logIn("ada")]);
    const student = String(ada.claims?.["sub"]);
    const heard = new Heard();
    const options = { socket: makeSocket, firstDelayMillis: 50, maxDelayMillis: 500 };
    const teacher = new RealtimeClient(url, { ...options, token: tess.token });
    const live = new RealtimeClient(url, { ...options, token: ada.token });
    t.after(() => {
      live.close();
      teacher.close();
    });
    let refusal: Code | undefined;
    live.subscribe(`user:${String(tess.claims?.["sub"])}`, { event: () => assert.fail("another's events"), ended: (e) => heard.note(() => (refusal = e.code)) });
    live.subscribe(`user:${student}`, {
      event: (e) => heard.note(() => void (e.event === "pl.achievement.badge_awarded.v1" && heard.badges.push(e.data.sourceId))),
      ready: () => heard.note(() => heard.ready++),
    });
    await heard.until(() => heard.ready === 1 && refusal !== undefined);
    assert.equal(refusal, Code.PermissionDenied);
    const award = (sourceId: string): Promise<unknown> =>
      teacher.call(AchievementService.method.awardBadge, {
        studentId: student,
        studentName: "Ada",
        kind: BadgeKind.HELPING_HAND,
        sourceId,
        reason: "helped everybody",
        awardedBy: String(tess.claims?.["sub"]),
      });
    for (const n of [1, 2, 3]) await award(`lab ${n}`);
    await heard.until(() => heard.badges.length === 3);
    await control("kill");
    const duringTheBreak = award("lab 4");
    await control("start");
    await duringTheBreak;
    await award("lab 5");
    await heard.until(() => heard.badges.length >= 5);
    assert.deepEqual(heard.badges, ["lab 1", "lab 2", "lab 3", "lab 4", "lab 5"]);
    assert.equal(heard.ready, 2);
  });
});
