export * from "./clients.js";
export * from "./event.js";
export { type CallCode, type CallFailure, failureOf } from "./failure.js";
export * from "./transport.js";
export type { ChannelEvents } from "./channels.js";
export * from "./realtime.js";
export type { TraceContext, TraceSource } from "./trace.js";
export { Code, ConnectError, createClient } from "@connectrpc/connect";
