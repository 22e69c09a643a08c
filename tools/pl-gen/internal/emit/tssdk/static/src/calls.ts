
import type { DescMessage, DescMethodUnary, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { create, fromJson, type JsonValue, toJson } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { type CallCode, codeNamed } from "./failure.js";
import type { Frame } from "./subscription.js";
import { traceFields, type TraceSource } from "./trace.js";
import { newKey } from "./transport.js";

interface Pending {
  readonly frame: object;
  readonly method: DescMethodUnary;
  readonly resolve: (response: unknown) => void;
  readonly reject: (error: unknown) => void;
  readonly timer: ReturnType<typeof setTimeout>;
}

/** The calls that wait for an answer. They know no connection: what has none yet is sent on the next one, as it was. */
export class Calls {
  readonly #pending = new Map<string, Pending>();

  constructor(
    private readonly timeoutMillis: number,
    private readonly trace: TraceSource | undefined,
  ) {}

  /** Begins a call under an id of its own. `send` is given its frame when the call can be made. */
  begin<I extends DescMessage, O extends DescMessage>(
    id: string,
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    send: (frame: object) => void,
  ): Promise<MessageShape<O>> {
    return new Promise((resolve, reject) => {
      const frame = {
        type: "call",
        id,
        procedure: `/${method.parent.typeName}/${method.name}`,
        ...(method.idempotency !== MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS && { key: newKey() }),
        ...traceFields(this.trace),
        request: toJson(method.input, create(method.input, request)),
      };
      const late = (): void => void this.refuse(id, new ConnectError("no answer came in time", Code.DeadlineExceeded));
      const timer = setTimeout(late, this.timeoutMillis);
      this.#pending.set(id, { frame, method, resolve: resolve as (response: unknown) => void, reject, timer });
      send(frame);
    });
  }

  /** The frames of all calls that wait, oldest first. */
  get frames(): readonly object[] {
    return [...this.#pending.values()].map((p) => p.frame);
  }

  /** Ends a call with its answer. Answers to no call are of no interest. */
  answer(frame: Frame): void {
    const problem = frame["error"] as { readonly code: CallCode; readonly message: string } | undefined;
    this.#settle(String(frame["id"]), (p) => {
      if (problem !== undefined) return p.reject(new ConnectError(problem.message, codeNamed(problem.code)));
      try {
        p.resolve(fromJson(p.method.output, (frame["response"] ?? {}) as JsonValue, { ignoreUnknownFields: true }));
      } catch (thrown) {
        p.reject(ConnectError.from(thrown, Code.Internal));
      }
    });
  }

  /** Ends a call with an error. Returns whether there was one of that id. */
  refuse(id: string, error: ConnectError): boolean {
    return this.#settle(id, (p) => p.reject(error));
  }

  /** Ends all calls with an error. */
  end(error: ConnectError): void {
    for (const id of [...this.#pending.keys()]) this.refuse(id, error);
  }

  #settle(id: string, end: (pending: Pending) => void): boolean {
    const pending = this.#pending.get(id);
    if (pending === undefined) return false;
    this.#pending.delete(id);
    clearTimeout(pending.timer);
    end(pending);
    return true;
  }
}
