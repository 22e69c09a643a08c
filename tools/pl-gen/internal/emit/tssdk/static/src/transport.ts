import type { Interceptor, Transport, UnaryRequest, UnaryResponse } from "@connectrpc/connect";
import { Code, ConnectError } from "@connectrpc/connect";
import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import { createConnectTransport } from "@connectrpc/connect-web";
import { failureOf } from "./failure.js";
import { traceFields, type TraceSource } from "./trace.js";

/**
 * Gives the access token of the caller, or undefined for an anonymous call. `renew` is true when the server has refused
 * the token that was given last; a token that is the same again ends the call.
 */
export type TokenSource = (renew: boolean) => string | undefined | Promise<string | undefined>;

/** How often a call is tried again, and when. */
export interface RetryOptions {
  /** How often a call is tried in all; 4 unless said. 1 never tries again. */
  readonly attempts?: number;
  /** The delay behind the first attempt, which doubles with each; 100 unless said. */
  readonly firstDelayMillis?: number;
  /** The longest delay; 2,000 unless said. A server that asks for more gets more. */
  readonly maxDelayMillis?: number;
}

/** How the hub is called. */
export interface HubOptions {
  /** The caller's access token, or where it comes from. */
  readonly token?: string | TokenSource;
  /** How long a call may take with all its attempts; 30,000 unless said. */
  readonly timeoutMillis?: number;
  readonly retry?: RetryOptions;
  /** What calls belong to. The header of a call that has one already stays. */
  readonly trace?: TraceSource;
  /** Interceptors of the application. They see each attempt. */
  readonly interceptors?: readonly Interceptor[];
  /** What sends requests; the platform's fetch unless said. */
  readonly fetch?: typeof globalThis.fetch;
}

/** The request header under which a command runs once, however often it arrives. */
export const idempotencyKeyHeader = "Idempotency-Key";

/**
 * Returns a transport to the hub at baseUrl for the clients of @connectrpc/connect. It speaks Connect over fetch, in
 * browsers and in Node.
 *
 * A command gets an idempotency key, made once a call; a caller that has one, because it may have to try again after a
 * restart, sets the header `Idempotency-Key` itself. With a key, and for queries, a call that fails for a transient
 * reason is tried again.
 */
export function createHubTransport(baseUrl: string, options: HubOptions = {}): Transport {
  return createConnectTransport({
    baseUrl,
    defaultTimeoutMs: options.timeoutMillis ?? 30_000,
    interceptors: [traced(options.trace), retry(options.retry ?? {}), authorize(options.token), ...(options.interceptors ?? [])],
    fetch: reachable(options.fetch ?? globalThis.fetch),
  });
}

/** A fetch whose failure to reach the server is "unavailable": the platform's is a TypeError, like a programming fault. */
function reachable(fetch: typeof globalThis.fetch): typeof globalThis.fetch {
  return async (input, init) => {
    try {
      return await fetch(input, init);
    } catch (thrown) {
      if (thrown instanceof TypeError) {
        throw new ConnectError("the hub cannot be reached", Code.Unavailable, undefined, undefined, thrown);
      }
      throw thrown;
    }
  };
}

function traced(trace: TraceSource | undefined): Interceptor {
  return (next) => (request) => {
    for (const [name, value] of Object.entries(traceFields(trace))) {
      if (!request.header.has(name)) request.header.set(name, value);
    }
    return next(request);
  };
}

function authorize(token: string | TokenSource | undefined): Interceptor {
  if (token === undefined) return (next) => next;
  const source: TokenSource = typeof token === "string" ? () => token : token;
  return (next) => async (request) => {
    const first = await source(false);
    setBearer(request.header, first);
    try {
      return await next(request);
    } catch (thrown) {
      if (ConnectError.from(thrown).code !== Code.Unauthenticated || request.stream) throw thrown;
      const renewed = await source(true);
      if (renewed === undefined || renewed === first) throw thrown;
      setBearer(request.header, renewed);
      return next(request);
    }
  };
}

function setBearer(header: Headers, token: string | undefined): void {
  if (token === undefined) header.delete("Authorization");
  else header.set("Authorization", `Bearer ${token}`);
}

function retry(options: RetryOptions): Interceptor {
  const attempts = Math.max(1, options.attempts ?? 4);
  return (next) => async (request) => {
    if (request.stream) return next(request);
    const header = request.header;
    if (!isQuery(request) && !header.has(idempotencyKeyHeader)) header.set(idempotencyKeyHeader, newKey());
    for (let attempt = 1; ; attempt++) {
      try {
        return (await next(request)) as UnaryResponse;
      } catch (thrown) {
        const failure = failureOf(thrown);
        if (!failure.transient || attempt >= attempts || request.signal.aborted) throw thrown;
        await pause(Math.max(delay(options, attempt), failure.retryAfterMillis ?? 0), request.signal, thrown);
      }
    }
  };
}

function isQuery(request: UnaryRequest): boolean {
  return request.method.idempotency === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS;
}

/** A delay that doubles up to the longest, with up to half of it left out at random, so that clients spread. */
function delay(options: RetryOptions, attempt: number): number {
  const longest = options.maxDelayMillis ?? 2_000;
  const full = Math.min((options.firstDelayMillis ?? 100) * 2 ** (attempt - 1), longest);
  return full * (1 - Math.random() / 2);
}

/** Waits, or throws what the attempt threw when the call's time ends first. */
function pause(millis: number, signal: AbortSignal, thrown: unknown): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (): void => {
      clearTimeout(timer);
      reject(thrown);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", end);
      resolve();
    }, millis);
    signal.addEventListener("abort", end, { once: true });
  });
}

/** A new idempotency key: a UUID. Pages without TLS lack crypto.randomUUID. */
export function newKey(): string {
  if (typeof crypto.randomUUID === "function") return crypto.randomUUID();
  const b = crypto.getRandomValues(new Uint8Array(16));
  b[6] = (b[6]! & 0x0f) | 0x40;
  b[8] = (b[8]! & 0x3f) | 0x80;
  const hex = Array.from(b, (x) => x.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
