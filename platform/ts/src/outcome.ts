type Kind = "retry" | "dead";

/** An error that says what becomes of the delivery. Any other error is tried again, later and later. */
export class OutcomeError extends Error {
  override readonly name = "OutcomeError";

  constructor(
    readonly outcome: Kind,
    readonly delayMillis: number,
    cause: unknown,
  ) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

/** Returns an error that sends the delivery to the dead letters at once: the event can never be applied. */
export function reject(cause: unknown): Error {
  return new OutcomeError("dead", 0, cause);
}

/** Returns an error that runs the handler again after at least that long, because what it needs has not come yet. */
export function retryAfter(millis: number, cause: unknown): Error {
  return new OutcomeError("retry", millis, cause);
}
