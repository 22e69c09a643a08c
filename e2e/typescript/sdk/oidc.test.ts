import { OidcClient, OidcError, type SessionStore } from "@pulselearn/campus-hub/oidc";
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, it, type TestContext } from "node:test";

const issuer = "https://login.example";

export class Shelf implements SessionStore {
  readonly #items = new Map<string, string>();

  getItem(key: string): string | null {
    return this.#items.get(key) ?? null;
  }

  setItem(key: string, value: string): void {
    this.#items.set(key, value);
  }

  removeItem(key: string): void {
    this.#items.delete(key);
  }
}

type Answer = () => Response | Promise<Response>;

/** A provider that rotates refresh tokens, and ends the session when one is used twice. */
class Provider {
  challenge = "";
  nonce = "";
  expiresIn = 300;
  refreshes = 0;
  exchanges = 0;
  claims: object = {};
  /** What it answers instead, once each. */
  readonly faults: Answer[] = [];
  /** Before each renewal is answered. */
  delay: () => Promise<void> = () => Promise.resolve();
  #good = "";
  #ended = false;

  readonly fetch = (async (input: string, init?: RequestInit) => {
    if (input.endsWith("/.well-known/openid-configuration")) {
      return Response.json({ issuer, authorization_endpoint: `${issuer}/authorize`, token_endpoint: `${issuer}/token`, end_session_endpoint: `${issuer}/end` });
    }
    const form = init?.body as URLSearchParams;
    if (form.get("grant_type") === "refresh_token") {
      this.refreshes++;
      await this.delay();
    } else {
      this.exchanges++;
    }
    return this.faults.shift()?.() ?? this.#answer(form);
  }) as typeof globalThis.fetch;

  #answer(form: URLSearchParams): Response {
    if (form.get("grant_type") === "authorization_code") {
      const challenge = createHash("sha256").update(form.get("code_verifier") ?? "").digest("base64url");
      return challenge === this.challenge ? this.#issue() : refused("invalid_grant");
    }
    if (this.#ended || form.get("refresh_token") !== this.#good) {
      this.#ended = true;
      return refused("invalid_grant");
    }
    return this.#issue();
  }

  #issue(): Response {
    const n = this.refreshes + this.exchanges;
    this.#good = `refresh ${n}`;
    const claims = { iss: issuer, aud: "web", nonce: this.nonce, name: "Zoë", ...this.claims };
    const idToken = ["e30", Buffer.from(JSON.stringify(claims)).toString("base64url"), "x"].join(".");
    return Response.json({ access_token: `access ${n}`, refresh_token: this.#good, id_token: idToken, expires_in: this.expiresIn });
  }
}

const refused = (error: string, status = 400): Response => Response.json({ error }, { status });

class Person {
  readonly provider = new Provider();
  readonly store = new Shelf();
  readonly login = this.tab();

  /** Another page of the same origin. */
  tab(): OidcClient {
    return new OidcClient({ issuer, clientId: "web", redirectUri: "https://campus.example/", store: this.store, fetch: this.provider.fetch });
  }

  /** Goes to the provider; returns where it sends the person back to. */
  async visit(returnTo = ""): Promise<URL> {
    const to = new URL(await this.login.authorizationUrl(returnTo)).searchParams;
    assert.equal(to.get("code_challenge_method"), "S256");
    this.provider.challenge = to.get("code_challenge")!;
    this.provider.nonce = to.get("nonce")!;
    const back = new URL("https://campus.example/");
    back.searchParams.set("code", "c");
    back.searchParams.set("state", to.get("state")!);
    back.searchParams.set("iss", issuer);
    return back;
  }

  async logIn(): Promise<void> {
    await this.login.resume((await this.visit()).href);
  }
}

async function loggedIn(t: TestContext): Promise<Person> {
  t.mock.timers.enable({ apis: ["Date"], now: 1_800_000_000_000 });
  const person = new Person();
  await person.logIn();
  return person;
}

describe("logging in", () => {
  it("proves who began it, and comes back to where the person was", async () => {
    const person = new Person();
    assert.equal(await person.login.resume("https://campus.example/?page=2"), undefined);
    const back = await person.visit("/quizzes");
    assert.equal(await person.login.resume(back.href), "/quizzes");
    assert.equal(person.login.loggedIn, true);
    assert.equal(person.login.claims?.["name"], "Zoë");
    assert.equal(await person.login.token(), "access 1");
    await assert.rejects(person.login.resume(back.href), { code: "state_mismatch" });
  });

  const wrong: readonly [string, (p: Person, back: URL) => void, string][] = [
    ["another log-in's state", (_, back) => back.searchParams.set("state", "x"), "state_mismatch"],
    ["another provider", (_, back) => back.searchParams.set("iss", "https://evil.example"), "issuer_mismatch"],
    ["a refusal", (_, back) => (back.searchParams.delete("code"), back.searchParams.set("error", "access_denied")), "access_denied"],
    ["another verifier's code", (p) => (p.provider.challenge = "x"), "invalid_grant"],
    ["another log-in's ID token", (p) => (p.provider.nonce = "x"), "invalid_token"],
    ["another application's ID token", (p) => (p.provider.claims = { aud: ["other"] }), "invalid_token"],
    ["another issuer's ID token", (p) => (p.provider.claims = { iss: "https://evil.example" }), "invalid_token"],
  ];
  for (const [what, change, code] of wrong) {
    it(`refuses ${what}`, async () => {
      const person = new Person();
      const back = await person.visit();
      change(person, back);
      await assert.rejects(person.login.resume(back.href), (thrown) => thrown instanceof OidcError && thrown.code === code);
      assert.equal(person.login.loggedIn, false);
    });
  }
});

describe("a session", () => {
  it("is renewed shortly before its token ends, with the newest refresh token", async (t) => {
    const person = await loggedIn(t);
    for (let n = 2; n < 5; n++) {
      t.mock.timers.tick(269_000);
      assert.equal(await person.login.token(), `access ${n - 1}`);
      t.mock.timers.tick(2_000);
      assert.equal(await person.login.token(), `access ${n}`);
    }
    assert.equal(person.provider.refreshes, 3);
  });

  it("is renewed by one request, however many calls need it", async (t) => {
    const person = await loggedIn(t);
    t.mock.timers.tick(300_000);
    const tokens = await Promise.all(Array.from({ length: 20 }, (_, n) => person.login.token(n % 2 === 1)));
    assert.deepEqual([...new Set(tokens)], ["access 2"]);
    assert.equal(person.provider.refreshes, 1);
  });

  it("is renewed by one of two pages that share it, for both", async (t) => {
    const person = await loggedIn(t);
    const other = person.tab();
    t.mock.timers.tick(300_000);
    assert.deepEqual(await Promise.all([person.login.token(), other.token(), other.token(true)]), ["access 2", "access 2", "access 2"]);
    assert.equal(person.provider.refreshes, 1);
    assert.equal(await other.token(true), "access 3");
    assert.equal(await person.login.token(), "access 3");
  });

  it("is renewed under the platform's lock where it has locks", async (t) => {
    const person = await loggedIn(t);
    const names: string[] = [];
    const own = Object.getOwnPropertyDescriptor(globalThis, "navigator");
    const locks = { request: (name: string, run: () => Promise<unknown>) => (names.push(name), run()) };
    Object.defineProperty(globalThis, "navigator", { value: { locks }, configurable: true });
    t.after(() => {
      if (own === undefined) Reflect.deleteProperty(globalThis, "navigator");
      else Object.defineProperty(globalThis, "navigator", own);
    });
    assert.equal(await person.login.token(true), "access 2");
    assert.deepEqual(names, [`oidc ${issuer} web session`]);
  });

  it("takes what a page without locks has renewed at the same time", async (t) => {
    const person = await loggedIn(t);
    person.provider.delay = async () => {
      person.provider.delay = () => Promise.resolve();
      const key = `oidc ${issuer} web session`;
      const session = JSON.parse(person.store.getItem(key)!) as object;
      person.store.setItem(key, JSON.stringify({ ...session, accessToken: "theirs", refreshToken: "theirs" }));
    };
    assert.equal(await person.login.token(true), "theirs");
    assert.equal(person.login.loggedIn, true);
  });

  it("is not brought back by a renewal when the person has logged out", async (t) => {
    const person = await loggedIn(t);
    person.provider.delay = async () => void (await person.login.logOut());
    assert.equal(await person.login.token(true), undefined);
    assert.equal(person.login.loggedIn, false);
  });

  const passing: readonly [string, Answer][] = [
    ["is away", () => Promise.reject(new TypeError("fetch failed"))],
    ["fails", () => new Response("", { status: 503 })],
    ["is busy", () => refused("slow_down", 429)],
    ["is hidden behind a gateway's page", () => new Response("<html>", { status: 200 })],
    ["is forbidden by a proxy", () => new Response("<html>", { status: 403 })],
  ];
  for (const [what, answer] of passing) {
    it(`outlives a provider that ${what}`, async (t) => {
      const person = await loggedIn(t);
      t.mock.timers.tick(280_000);
      person.provider.faults.push(answer, answer, answer);
      assert.equal(await person.login.token(), "access 1", "it is good for some seconds more");
      await assert.rejects(person.login.token(true));
      t.mock.timers.tick(20_000);
      await assert.rejects(person.login.token());
      assert.equal(person.login.loggedIn, true);
      assert.match((await person.login.token())!, /^access \d$/);
    });
  }

  it("is over when the provider says so", async (t) => {
    const person = await loggedIn(t);
    person.provider.faults.push(() => refused("invalid_grant"));
    assert.equal(await person.login.token(true), undefined);
    assert.equal(person.login.loggedIn, false);
    assert.equal(await person.login.token(), undefined);
  });

  it("lasts as long as was said, whatever the provider's clock says", async (t) => {
    const person = new Person();
    t.mock.timers.enable({ apis: ["Date"], now: 5_000_000 }); // 1970
    await person.logIn();
    t.mock.timers.tick(260_000);
    assert.equal(await person.login.token(), "access 1");
    assert.equal(person.provider.refreshes, 0);
  });

  it("ends here and there", async (t) => {
    const person = await loggedIn(t);
    const url = new URL((await person.login.logOut())!);
    assert.equal(url.origin + url.pathname, `${issuer}/end`);
    assert.ok(url.searchParams.has("id_token_hint"));
    assert.equal(person.login.loggedIn, false);
  });

  it("does without what somebody else has left in the store", async () => {
    const person = new Person();
    person.store.setItem(`oidc ${issuer} web session`, "not JSON");
    assert.equal(await person.login.token(), undefined);
  });
});
