/** When to stop trying for a while. */
export interface BreakerOptions {
  /** How many of the last tries have to fail before the breaker opens; 5 unless said. */
  readonly failures?: number;
  /** How many of the last tries are counted; as many as failures unless said, so that it opens when all failed in a row. */
  readonly window?: number;
  /** How long it stays open before one try is let through; 10,000 unless said. */
  readonly openMillis?: number;
  /** Which errors count; all unless said. A refusal by a service that is well should not. */
  readonly counts?: (thrown: unknown) => boolean;
  /** Milliseconds that only go forward; for tests. */
  readonly now?: () => number;
}

/** The breaker is open: nothing was tried. */
export class BreakerOpen extends Error {
  override readonly name = "BreakerOpen";

  constructor(readonly retryAfterMillis: number) {
    super(`not tried: too many tries have failed; the next is let through in ${Math.ceil(retryAfterMillis)} ms`);
  }
}

/**
 * Stops trying what fails too often, and lets one try through from time to time to see whether it works again. It guards
 * calls to another service; the bus has one a consumer.
 */
export class CircuitBreaker {
  readonly #failures: number;
  readonly #window: number;
  readonly #openMillis: number;
  readonly #counts: (thrown: unknown) => boolean;
  readonly #now: () => number;
  readonly #last: boolean[] = [];
  #openUntil: number | undefined;
  #probing = false;

  constructor(options: BreakerOptions = {}) {
    this.#failures = options.failures ?? 5;
    this.#window = Math.max(options.window ?? this.#failures, this.#failures);
    this.#openMillis = options.openMillis ?? 10_000;
    this.#counts = options.counts ?? (() => true);
    this.#now = options.now ?? (() => performance.now());
  }

  /** Whether tries are refused, or only one is let through. */
  get open(): boolean {
    return this.#openUntil !== undefined;
  }

  /** Runs a try. Throws BreakerOpen without running it while the breaker is open. */
  async run<T>(attempt: () => Promise<T>): Promise<T> {
    const probe = this.#enter();
    try {
      const result = await attempt();
      this.#settle(true, probe);
      return result;
    } catch (thrown) {
      this.#settle(!this.#counts(thrown), probe);
      throw thrown;
    }
  }

  /** Tells whether the try is the one that is let through. */
  #enter(): boolean {
    if (this.#openUntil === undefined) return false;
    const left = this.#openUntil - this.#now();
    if (left > 0 || this.#probing) throw new BreakerOpen(Math.max(left, 50));
    this.#probing = true;
    return true;
  }

  #settle(well: boolean, probe: boolean): void {
    if (probe) {
      this.#probing = false;
      this.#openUntil = well ? undefined : this.#now() + this.#openMillis;
      this.#last.length = 0;
      return;
    }
    if (this.#openUntil !== undefined) return; // a try from before it opened
    this.#last.push(well);
    if (this.#last.length > this.#window) this.#last.shift();
    if (this.#last.filter((ok) => !ok).length >= this.#failures) this.#openUntil = this.#now() + this.#openMillis;
  }
}
