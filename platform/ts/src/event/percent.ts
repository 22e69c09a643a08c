import { CloudEventError } from "./envelope.js";

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Encodes an attribute's text as a header value of NATS and HTTP (HTTP binding, section 3.1.3.2). */
export function percentEncode(text: string): string {
  return text.replace(/[^\u0021\u0023\u0024\u0026-\u007e]+/g, (run) =>
    Array.from(Buffer.from(run), (b) => "%" + b.toString(16).toUpperCase().padStart(2, "0")).join(""),
  );
}

/**
 * Reads a header value of NATS or HTTP: it unquotes a double-quoted string and does one round of percent-decoding. A
 * percent sign that no two hexadecimal digits follow stands for itself. What is not UTF-8 then is refused.
 */
export function percentDecode(value: string): string {
  const text = unquote(value.replace(/^[ \t]+|[ \t]+$/g, ""));
  const bytes: Uint8Array[] = [];
  for (const part of text.split(/((?:%[0-9a-fA-F]{2})+)/)) {
    bytes.push(/^%[0-9a-fA-F]{2}/.test(part) ? Buffer.from(part.replaceAll("%", ""), "hex") : Buffer.from(part));
  }
  try {
    return utf8.decode(Buffer.concat(bytes));
  } catch {
    throw new CloudEventError("a header value holds invalid UTF-8 after percent-decoding");
  }
}

function unquote(text: string): string {
  const m = /^"((?:[^"\\]|\\.)*)"$/s.exec(text);
  return m === null ? text : m[1]!.replace(/\\(.)/gs, "$1");
}
