import type { Span, SpanContext } from "@opentelemetry/api";
import { context, isSpanContextValid, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { createTraceState } from "@opentelemetry/api";
import type { Cause } from "./compose.js";
import { reason } from "./log.js";

const tracer = (): ReturnType<typeof trace.getTracer> => trace.getTracer("@pl/platform");

/** The span that a header names (W3C Trace Context), or undefined for none that is valid. */
export function parseTraceparent(traceparent: string | undefined, tracestate?: string): SpanContext | undefined {
  const m = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/.exec(traceparent ?? "");
  if (m === null || m[1] === "ff" || (m[1] === "00" && m[5] !== undefined)) return undefined;
  const span: SpanContext = {
    traceId: m[2]!,
    spanId: m[3]!,
    traceFlags: parseInt(m[4]!, 16),
    isRemote: true,
    ...(tracestate !== undefined && { traceState: createTraceState(tracestate) }),
  };
  return isSpanContextValid(span) ? span : undefined;
}

/** A W3C trace context, as the headers of these names. */
export type Trace = Pick<Cause, "traceparent" | "tracestate">;

/** The headers that name a span; none for no span. */
export function traceOf(span: SpanContext | undefined): Trace {
  if (span === undefined || !isSpanContextValid(span)) return {};
  const flags = (span.traceFlags & 0xff).toString(16).padStart(2, "0");
  const state = span.traceState?.serialize();
  return {
    traceparent: `00-${span.traceId}-${span.spanId}-${flags}`,
    ...(state && { tracestate: state }),
  };
}

/** The trace of the code that is running, when an SDK of OpenTelemetry keeps one; what the clients of the hub take as `trace`. */
export function activeTrace(): Trace {
  return traceOf(trace.getActiveSpan()?.spanContext());
}

/**
 * Runs a handler in a span that continues the event's trace. Without an SDK nothing is recorded, and what the handler
 * publishes carries the event's own trace on.
 */
export function inSpan<T>(name: string, kind: SpanKind, parent: SpanContext | undefined, attributes: { [name: string]: string | number }, run: (span: Span) => Promise<T>): Promise<T> {
  const within = parent === undefined ? context.active() : trace.setSpanContext(ROOT_CONTEXT, parent);
  return tracer().startActiveSpan(name, { kind, attributes }, within, async (span) => {
    try {
      return await run(span);
    } catch (thrown) {
      span.setStatus({ code: SpanStatusCode.ERROR, message: reason(thrown) });
      throw thrown;
    } finally {
      span.end();
    }
  });
}

export { SpanKind };
