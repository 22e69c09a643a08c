/** Where an application's session is kept between page loads: sessionStorage, localStorage, or something of its own. */
export type SessionStore = Pick<Storage, "getItem" | "setItem" | "removeItem">;

/** How an application is known to the provider. */
export interface OidcOptions {
  /** The provider's address, exactly as its discovery document says it. */
  readonly issuer: string;
  readonly clientId: string;
  /** Where the provider sends the person back to. */
  readonly redirectUri: string;
  /** Scopes; "openid offline_access" unless said. offline_access asks for a refresh token. */
  readonly scope?: string;
  /** Where the session is kept; sessionStorage unless said, so that a tab has a session of its own. */
  readonly store?: SessionStore;
  readonly fetch?: typeof globalThis.fetch;
}

/** Logging in has failed: the provider's code, such as "access_denied", and what it says. */
export class OidcError extends Error {
  override readonly name = "OidcError";

  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

interface Provider {
  readonly issuer: string;
  readonly authorization_endpoint: string;
  readonly token_endpoint: string;
  readonly end_session_endpoint?: string;
}

interface Session {
  readonly accessToken: string;
  /** Unix milliseconds. */
  readonly expiresAt: number;
  readonly refreshToken?: string;
  readonly idToken?: string;
}

interface Attempt {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
  readonly returnTo: string;
}

/** A token is renewed this long before it ends. */
const renewBeforeMillis = 30_000;
/** How long the provider may take to answer. */
const answerWithinMillis = 15_000;

/** Whose turn it is to renew a session, where the platform has no locks of its own; by the session's key. */
const turns = new Map<string, Promise<unknown>>();

/**
 * OpenID Connect for a browser application: authorization code with PKCE (RFC 7636), refresh with rotation, log-out.
 * `token` is what createClients and RealtimeClient take.
 *
 * ```ts
 * const login = new OidcClient({ issuer, clientId: "web", redirectUri: location.origin + "/" });
 * await login.resume(location.href);
 * if (!login.loggedIn) location.assign(await login.authorizationUrl());
 * const clients = createClients(location.origin, { token: login.token });
 * ```
 */
export class OidcClient {
  readonly #options: OidcOptions;
  readonly #fetch: typeof globalThis.fetch;
  #provider: Promise<Provider> | undefined;
  #renewing: Promise<string | undefined> | undefined;

  constructor(options: OidcOptions) {
    this.#options = options;
    const fetch = options.fetch ?? globalThis.fetch;
    this.#fetch = (input, init) => fetch(input, init);
  }

  /** Whether there is a session, which may have to be renewed. */
  get loggedIn(): boolean {
    return this.#session() !== undefined;
  }

  /** What the ID token says of the person, or undefined without a session. It is for showing, not for deciding. */
  get claims(): { readonly [name: string]: unknown } | undefined {
    const idToken = this.#session()?.idToken;
    return idToken === undefined ? undefined : claimsOf(idToken);
  }

  /** Begins a log-in and returns the address to send the person to. `returnTo` comes back from resume. */
  async authorizationUrl(returnTo = ""): Promise<string> {
    const { authorization_endpoint } = await this.#discover();
    const attempt: Attempt = { state: random(), nonce: random(), verifier: random(), returnTo };
    this.#store().setItem(this.#key("attempt"), JSON.stringify(attempt));
    const url = new URL(authorization_endpoint);
    const parameters = {
      response_type: "code",
      client_id: this.#options.clientId,
      redirect_uri: this.#options.redirectUri,
      scope: this.#options.scope ?? "openid offline_access",
      state: attempt.state,
      nonce: attempt.nonce,
      code_challenge: await challengeOf(attempt.verifier),
      code_challenge_method: "S256",
    };
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
    return url.href;
  }

  /**
   * Completes a log-in when url is the one that the provider sent the person back to; returns what authorizationUrl was
   * given, and undefined for any other url. Take the code out of the address bar afterwards.
   */
  async resume(url: string): Promise<string | undefined> {
    const answer = new URL(url).searchParams;
    if (!answer.has("state") || !(answer.has("code") || answer.has("error"))) return undefined;
    const stored = this.#store().getItem(this.#key("attempt"));
    this.#store().removeItem(this.#key("attempt"));
    const attempt = stored === null ? undefined : (JSON.parse(stored) as Attempt);
    if (attempt === undefined || attempt.state !== answer.get("state")) {
      throw new OidcError("state_mismatch", "the log-in was begun elsewhere, or twice; begin it again");
    }
    const issuer = answer.get("iss");
    if (issuer !== null && issuer !== this.#options.issuer) {
      throw new OidcError("issuer_mismatch", "the answer comes from another provider");
    }
    const refused = answer.get("error");
    if (refused !== null) throw new OidcError(refused, answer.get("error_description") ?? refused);
    const session = await this.#exchange({
      grant_type: "authorization_code",
      code: answer.get("code") ?? "",
      redirect_uri: this.#options.redirectUri,
      code_verifier: attempt.verifier,
    });
    this.#verify(session, attempt.nonce);
    this.#keep(session);
    return attempt.returnTo;
  }

  /**
   * Gives a valid access token, or undefined when the person has to log in. Calls at one time share one renewal, those of
   * other tabs with the same store too. It throws when the token has ended and the provider cannot be reached now; the
   * session is kept then.
   */
  readonly token = async (renew = false): Promise<string | undefined> => {
    const session = this.#session();
    if (session === undefined) return undefined;
    if (!renew && session.expiresAt - renewBeforeMillis > Date.now()) return session.accessToken;
    this.#renewing ??= this.#exclusively(() => this.#renew(session)).finally(() => {
      this.#renewing = undefined;
    });
    try {
      return await this.#renewing;
    } catch (thrown) {
      if (!renew && session.expiresAt > Date.now()) return session.accessToken; // it is good for some seconds more
      throw thrown;
    }
  };

  /** Ends the session here and returns the address where it ends at the provider too, if it has one. */
  async logOut(returnTo: string = this.#options.redirectUri): Promise<string | undefined> {
    const session = this.#session();
    this.#store().removeItem(this.#key("session"));
    const { end_session_endpoint } = await this.#discover();
    if (end_session_endpoint === undefined) return undefined;
    const url = new URL(end_session_endpoint);
    url.searchParams.set("client_id", this.#options.clientId);
    url.searchParams.set("post_logout_redirect_uri", returnTo);
    if (session?.idToken !== undefined) url.searchParams.set("id_token_hint", session.idToken);
    return url.href;
  }

  /** A refresh token is good for one renewal, and somebody else with the same store may have been faster. */
  async #renew(stale: Session): Promise<string | undefined> {
    const session = this.#session();
    if (session === undefined || session.accessToken !== stale.accessToken) return session?.accessToken;
    if (session.refreshToken === undefined) {
      this.#store().removeItem(this.#key("session"));
      return undefined;
    }
    try {
      const next = await this.#exchange({ grant_type: "refresh_token", refresh_token: session.refreshToken });
      // Who has logged out or in meanwhile is not brought back.
      if (this.#session()?.refreshToken !== session.refreshToken) return this.#session()?.accessToken;
      this.#keep({ ...session, ...next });
      return next.accessToken;
    } catch (thrown) {
      if (!(thrown instanceof OidcError)) throw thrown;
      if (this.#session()?.refreshToken !== session.refreshToken) return this.#session()?.accessToken;
      this.#store().removeItem(this.#key("session"));
      return undefined;
    }
  }

  /** Runs alone among everything of this origin that has the same session. */
  #exclusively<T>(run: () => Promise<T>): Promise<T> {
    const name = this.#key("session");
    const { locks } = (globalThis as { readonly navigator?: { readonly locks?: LockManager } }).navigator ?? {};
    if (locks !== undefined) return locks.request(name, run) as Promise<T>;
    const turn = (turns.get(name) ?? Promise.resolve()).then(run, run);
    turns.set(name, turn);
    const over = (): void => void (turns.get(name) === turn && turns.delete(name));
    turn.then(over, over);
    return turn;
  }

  async #exchange(parameters: { readonly [name: string]: string }): Promise<Session> {
    const { token_endpoint } = await this.#discover();
    const body = new URLSearchParams({ ...parameters, client_id: this.#options.clientId });
    const begun = Date.now();
    const response = await this.#fetch(token_endpoint, { method: "POST", body, signal: AbortSignal.timeout(answerWithinMillis) });
    const answer = (await response.json().catch(() => ({}))) as { readonly [name: string]: unknown };
    if (response.status >= 400 && response.status < 500 && response.status !== 429 && typeof answer["error"] === "string") {
      const description = answer["error_description"];
      throw new OidcError(answer["error"], typeof description === "string" ? description : "the provider refuses: " + answer["error"]);
    }
    // Anything else says nothing about the session: a provider that is away or busy, a gateway's page.
    if (!response.ok || typeof answer["access_token"] !== "string") {
      throw new Error(`the provider answers with ${response.status} and no token; try again later`);
    }
    const seconds = typeof answer["expires_in"] === "number" ? answer["expires_in"] : 300;
    return {
      accessToken: answer["access_token"],
      expiresAt: begun + seconds * 1000,
      ...(typeof answer["refresh_token"] === "string" && { refreshToken: answer["refresh_token"] }),
      ...(typeof answer["id_token"] === "string" && { idToken: answer["id_token"] }),
    };
  }

  /** The ID token came from the token endpoint itself, so its claims are checked and not its signature (OIDC 3.1.3.7). */
  #verify(session: Session, nonce: string): void {
    if (session.idToken === undefined) return;
    const claims = claimsOf(session.idToken);
    const audience = claims["aud"];
    const audiences: readonly unknown[] = Array.isArray(audience) ? audience : [audience];
    if (claims["iss"] !== this.#options.issuer) throw new OidcError("invalid_token", "the ID token has another issuer");
    if (claims["nonce"] !== nonce) throw new OidcError("invalid_token", "the ID token belongs to another log-in");
    if (!audiences.includes(this.#options.clientId)) {
      throw new OidcError("invalid_token", "the ID token is for another application");
    }
  }

  #discover(): Promise<Provider> {
    this.#provider ??= this.#describe().catch((thrown: unknown) => {
      this.#provider = undefined;
      throw thrown;
    });
    return this.#provider;
  }

  async #describe(): Promise<Provider> {
    const url = this.#options.issuer.replace(/\/$/, "") + "/.well-known/openid-configuration";
    const response = await this.#fetch(url, { signal: AbortSignal.timeout(answerWithinMillis) });
    if (!response.ok) throw new Error(`the provider's description at ${url} answers with ${response.status}`);
    const provider = (await response.json()) as Provider;
    if (provider.issuer !== this.#options.issuer) {
      throw new OidcError("issuer_mismatch", `the provider calls itself ${provider.issuer}, not ${this.#options.issuer}`);
    }
    return provider;
  }

  #store(): SessionStore {
    return this.#options.store ?? globalThis.sessionStorage;
  }

  #key(what: string): string {
    return `oidc ${this.#options.issuer} ${this.#options.clientId} ${what}`;
  }

  #session(): Session | undefined {
    const text = this.#store().getItem(this.#key("session"));
    if (text === null) return undefined;
    try {
      return JSON.parse(text) as Session;
    } catch {
      return undefined; // somebody else's
    }
  }

  #keep(session: Session): void {
    this.#store().setItem(this.#key("session"), JSON.stringify(session));
  }
}

function claimsOf(token: string): { readonly [name: string]: unknown } {
  const payload = token.split(".")[1] ?? "";
  const bytes = Uint8Array.from(atob(payload.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  return JSON.parse(new TextDecoder().decode(bytes)) as { readonly [name: string]: unknown };
}

/** 256 random bits, in the letters that URLs leave alone. */
function random(): string {
  return base64url(crypto.getRandomValues(new Uint8Array(32)));
}

async function challengeOf(verifier: string): Promise<string> {
  return base64url(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier))));
}

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}
