/** What a client needs of a websocket; browsers, Node 22, and the package ws have one. */
export interface Socket {
  readonly readyState: number;
  send(text: string): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: "open", listener: () => void): void;
  addEventListener(type: "message", listener: (event: { readonly data: unknown }) => void): void;
  addEventListener(type: "close", listener: (event: { readonly code: number; readonly reason: string }) => void): void;
  addEventListener(type: "error", listener: (event: unknown) => void): void;
}

/** Makes the platform's own websockets. Throws where it has none. */
export function platformSocket(): (url: string, protocols: string[]) => Socket {
  const { WebSocket } = globalThis;
  if (WebSocket === undefined) {
    throw new Error('this Node has no WebSocket: give RealtimeClient { socket: (url, protocols) => new WebSocket(url, protocols) } of the package "ws"');
  }
  return (url, protocols) => new WebSocket(url, protocols);
}
