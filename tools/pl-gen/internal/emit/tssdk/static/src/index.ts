export * from "./clients.js";
export * from "./event.js";
export * from "./failure.js";
export * from "./transport.js";
export type { ChannelEvents } from "./channels.js";
export { Code, ConnectError, createClient } from "@connectrpc/connect";
