/** How often a delivery that failed is tried again, and when. */
export interface Retry {
  /** How often in all. */
  readonly attempts: number;
  readonly firstDelayMillis: number;
  readonly maxDelayMillis: number;
}

/** As the Go runtime has it: an hour in all. */
export const defaultRetry: Retry = { attempts: 15, firstDelayMillis: 500, maxDelayMillis: 15 * 60_000 };

/** The delay behind an attempt, the first being 1: it doubles up to the longest, with up to a fifth of it more at random. */
export function delayAfter(attempt: number, retry: Retry): number {
  const delay = Math.min(retry.firstDelayMillis * 2 ** Math.min(attempt - 1, 40), retry.maxDelayMillis);
  return delay * (1 + Math.random() / 5);
}

/** Resolves after that long, or when the signal is given, whichever is first. */
export function sleep(millis: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      forget();
      resolve();
    }, millis);
    const forget = whenAborted(signal, () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/** Runs something when the signal is given, at once when it was given before. What is returned takes it back. */
export function whenAborted(signal: AbortSignal | undefined, run: () => void): () => void {
  if (signal?.aborted) run();
  else signal?.addEventListener("abort", run, { once: true });
  return () => signal?.removeEventListener("abort", run);
}
