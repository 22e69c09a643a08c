import { Code, ConnectError } from "@connectrpc/connect";

/** The codes that a call can fail with, as they are on the wire. */
export type CallCode =
  | "canceled"
  | "unknown"
  | "invalid_argument"
  | "deadline_exceeded"
  | "not_found"
  | "already_exists"
  | "permission_denied"
  | "resource_exhausted"
  | "failed_precondition"
  | "aborted"
  | "out_of_range"
  | "unimplemented"
  | "internal"
  | "unavailable"
  | "data_loss"
  | "unauthenticated";

/** Why a call failed. */
export interface CallFailure {
  readonly code: CallCode;
  /** What went wrong, for people; it names the field and the rule of a request that was refused. */
  readonly message: string;
  /** Whether the same call may succeed later. Commands are only tried again with their idempotency key. */
  readonly transient: boolean;
  /** How long the server asks to wait, in milliseconds. */
  readonly retryAfterMillis?: number;
}

const names: { readonly [code in Code]: CallCode } = {
  [Code.Canceled]: "canceled",
  [Code.Unknown]: "unknown",
  [Code.InvalidArgument]: "invalid_argument",
  [Code.DeadlineExceeded]: "deadline_exceeded",
  [Code.NotFound]: "not_found",
  [Code.AlreadyExists]: "already_exists",
  [Code.PermissionDenied]: "permission_denied",
  [Code.ResourceExhausted]: "resource_exhausted",
  [Code.FailedPrecondition]: "failed_precondition",
  [Code.Aborted]: "aborted",
  [Code.OutOfRange]: "out_of_range",
  [Code.Unimplemented]: "unimplemented",
  [Code.Internal]: "internal",
  [Code.Unavailable]: "unavailable",
  [Code.DataLoss]: "data_loss",
  [Code.Unauthenticated]: "unauthenticated",
};

/**
 * Reads what a call threw. Clients throw a ConnectError; anything else, such as a fault of the caller's own code, is
 * "unknown".
 *
 * ```ts
 * try {
 *   await clients.quiz.getQuiz({ quizId });
 * } catch (thrown) {
 *   if (failureOf(thrown).code === "not_found") return undefined;
 *   throw thrown;
 * }
 * ```
 */
export function failureOf(thrown: unknown): CallFailure {
  const error = ConnectError.from(thrown);
  const failure = { code: names[error.code], message: error.rawMessage, transient: isTransient(error.code) };
  const seconds = Number(error.metadata.get("retry-after") ?? "");
  return seconds > 0 ? { ...failure, retryAfterMillis: seconds * 1000 } : failure;
}

function isTransient(code: Code): boolean {
  return (
    code === Code.Unavailable ||
    code === Code.DeadlineExceeded ||
    code === Code.ResourceExhausted ||
    code === Code.Aborted
  );
}

/** The code of that name; one that is not known is "unknown". */
export function codeNamed(name: CallCode): Code {
  for (const [code, known] of Object.entries(names)) {
    if (known === name) return Number(code);
  }
  return Code.Unknown;
}
