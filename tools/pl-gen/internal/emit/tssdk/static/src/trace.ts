
/** A W3C trace context, as the headers of these names. */
export interface TraceContext {
  readonly traceparent?: string | undefined;
  readonly tracestate?: string | undefined;
}

/**
 * Says what the code that is running belongs to: the hub's spans go on with it. Called when a call begins. Nothing is sent
 * without a traceparent.
 */
export type TraceSource = () => TraceContext | undefined;

/** The fields to send, by their names. */
export function traceFields(source: TraceSource | undefined): { readonly [name: string]: string } {
  const { traceparent, tracestate } = source?.() ?? {};
  if (!traceparent) return {};
  return tracestate ? { traceparent, tracestate } : { traceparent };
}
