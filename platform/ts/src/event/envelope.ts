/** A record is no CloudEvent. The text names the attribute and quotes no value. */
export class CloudEventError extends Error {
  override readonly name: string = "CloudEventError";
}

/** The context attributes of one CloudEvent 1.0. Values of extensions are in their canonical text form. */
export interface Envelope {
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly subject?: string;
  /** RFC 3339. */
  readonly time?: string;
  readonly datacontenttype?: string;
  readonly dataschema?: string;
  readonly extensions: Extensions;
}

export type Extensions = { readonly [name: string]: string };

/** One header of a broker's record, as Kafka has it. Order and repetition are kept; a value may be absent. */
export interface Header {
  readonly key: string;
  readonly value: Uint8Array | null;
}

export const specVersion = "1.0";
/** The datacontenttype of the platform's events. */
export const avroContentType = "application/avro";

const core = ["id", "source", "type", "subject", "time", "datacontenttype", "dataschema"] as const;
type Core = (typeof core)[number];

/** Characters that a String of CloudEvents must not hold: controls, and code points that are no characters. */
// eslint-disable-next-line no-control-regex
const forbidden = /[\u0000-\u001f\u007f-\u009f\ufdd0-\ufdef]|[\ufffe\uffff]|[\u{1fffe}\u{1ffff}\u{2fffe}\u{2ffff}\u{3fffe}\u{3ffff}\u{4fffe}\u{4ffff}\u{5fffe}\u{5ffff}\u{6fffe}\u{6ffff}\u{7fffe}\u{7ffff}\u{8fffe}\u{8ffff}\u{9fffe}\u{9ffff}\u{afffe}\u{affff}\u{bfffe}\u{bffff}\u{cfffe}\u{cffff}\u{dfffe}\u{dffff}\u{efffe}\u{effff}\u{ffffe}\u{fffff}\u{10fffe}\u{10ffff}]/u;

const mediaType = /^[\w!#$%&'*+.^`|~-]+\/[\w!#$%&'*+.^`|~-]+\s*(;.*)?$/;
const uriReference = /^[\w\-.~:/?#[\]@!$&'()*+,;=%]*$/;
const absoluteUri = /^[a-z][a-z0-9+.-]*:/i;
const timestamp = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/i;

/** Throws a CloudEventError unless the attributes are what CloudEvents 1.0.2 and its documented extensions ask for. */
export function validate(e: Envelope): void {
  for (const name of core) {
    const value = e[name];
    if (value !== undefined) checkAttribute(name, value);
    else if (name === "id" || name === "source" || name === "type") throw new CloudEventError(`missing ${name}`);
  }
  for (const [name, value] of Object.entries(e.extensions)) {
    checkName(name);
    if ((core as readonly string[]).includes(name) || name === "specversion") {
      throw new CloudEventError(`attribute ${name} is a core attribute and cannot be an extension`);
    }
    checkAttribute(name, value);
  }
}

/** Throws unless an attribute may have that name. */
export function checkName(name: string): void {
  if (!/^[a-z0-9]+$/.test(name)) {
    throw new CloudEventError("an attribute's name holds something other than lower-case letters and digits");
  }
  if (name === "data") throw new CloudEventError('an attribute cannot be named "data"');
}

function checkAttribute(name: string, value: string): void {
  if (typeof value !== "string") throw new CloudEventError(`attribute ${name} is no text`);
  if (value === "" && mustNotBeEmpty(name)) throw new CloudEventError(`empty ${name}: an attribute that is present must not be empty`);
  if (!value.isWellFormed() || forbidden.test(value)) {
    throw new CloudEventError(`attribute ${name} holds a character that a String must not hold`);
  }
  const why = complaint(name, value);
  if (why !== undefined) throw new CloudEventError(`attribute ${name} ${why}`);
}

function mustNotBeEmpty(name: string): boolean {
  return (
    (core as readonly string[]).includes(name) ||
    ["partitionkey", "traceparent", "correlationid", "causationid", "sequence", "severitytext"].includes(name)
  );
}

function complaint(name: string, value: string): string | undefined {
  switch (name) {
    case "source":
      return uriReference.test(value) && !/%(?![0-9a-f]{2})/i.test(value) ? undefined : "is not a URI-reference";
    case "dataschema":
      return absoluteUri.test(value) && uriReference.test(value) ? undefined : "is not an absolute URI";
    case "datacontenttype":
      return mediaType.test(value) ? undefined : "is not a media type of RFC 2046";
    case "time":
    case "recordedtime":
    case "expirytime":
      return isTimestamp(value) ? undefined : "is not a timestamp of RFC 3339";
    case "sampledrate":
      return /^[1-9]\d*$/.test(value) ? undefined : "is not an integer greater than zero";
  }
  return undefined;
}

/** Whether a text is a moment of RFC 3339; the sixtieth second is one. */
export function isTimestamp(text: string): boolean {
  const m = timestamp.exec(text);
  if (m === null || Number(m[6]) > 60) return false;
  const rest = `${m[4]}:${m[5]}:${m[6] === "60" ? "59" : m[6]}.000Z`;
  const millis = Date.parse(`${m[1]}-${m[2]}-${m[3]}T${rest}`);
  return !Number.isNaN(millis) && new Date(millis).toISOString().startsWith(`${m[1]}-${m[2]}-${m[3]}`);
}

/** Collects attributes as they arrive, in any order, and refuses repeated and malformed ones. */
export class Assembler {
  readonly #core: { [name in Core]?: string } = {};
  readonly #extensions: { [name: string]: string } = {};
  #spec: string | undefined;

  set(name: string, value: string): void {
    if (name === "specversion") {
      this.#spec = this.#once(name, this.#spec, value);
    } else if ((core as readonly string[]).includes(name)) {
      this.#core[name as Core] = this.#once(name, this.#core[name as Core], value);
    } else {
      checkName(name);
      this.#extensions[name] = this.#once(name, this.#extensions[name], value);
    }
  }

  #once(name: string, have: string | undefined, value: string): string {
    if (have !== undefined && have !== value) throw new CloudEventError(`attribute ${name} appears twice with different values`);
    return value;
  }

  done(): Envelope {
    if (this.#spec === undefined) throw new CloudEventError("missing specversion");
    if (this.#spec === "") throw new CloudEventError("empty specversion");
    if (this.#spec !== specVersion) throw new CloudEventError("specversion is not 1.0");
    const { id, source, type, ...rest } = this.#core;
    const e = { id, source, type, ...rest, extensions: this.#extensions } as Envelope;
    validate(e);
    return e;
  }
}
