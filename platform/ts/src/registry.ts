/** The registry cannot be asked now. What is being done has to wait for it. */
export class RegistryUnavailable extends Error {
  override readonly name = "RegistryUnavailable";
}

/** The registry has no such schema, or refuses it. Asking again gives the same answer. */
export class RegistryError extends Error {
  override readonly name = "RegistryError";
}

/** Where a Schema Registry with Confluent's REST API is. */
export interface RegistryOptions {
  readonly url: string;
  readonly username?: string;
  readonly password?: string;
  /** How long one request may take; 10,000 unless said. */
  readonly timeoutMillis?: number;
  readonly fetch?: typeof globalThis.fetch;
}

/** The most schemas that are remembered; there are as many as versions of the events that are consumed. */
const maxRemembered = 10_000;
const mediaType = "application/vnd.schemaregistry.v1+json";

type Answer = { readonly [name: string]: unknown };

/** A client of a Schema Registry. What it has learned once it knows for ever: ids never change. */
export class Registry {
  readonly #options: RegistryOptions;
  readonly #texts = new Map<string, Promise<string>>();
  readonly #ids = new Map<string, Promise<number>>();

  constructor(options: RegistryOptions) {
    this.#options = options;
  }

  /** Returns the schema with that id, or with that GUID. */
  schema(named: { readonly id: number } | { readonly guid: string }): Promise<string> {
    const path = "id" in named ? `/schemas/ids/${named.id}` : `/schemas/guids/${named.guid}`;
    return remember(this.#texts, path, async () => {
      const answer = await this.#ask("GET", path);
      if (typeof answer["schema"] !== "string") throw new RegistryError(`the registry's answer to ${path} holds no schema`);
      if (answer["schemaType"] !== undefined && answer["schemaType"] !== "AVRO") {
        throw new RegistryError(`the schema at ${path} is not Avro`);
      }
      if (Array.isArray(answer["references"]) && answer["references"].length > 0) {
        throw new RegistryError(`the schema at ${path} refers to others; register it self-contained, as pl-gen does`);
      }
      return answer["schema"];
    });
  }

  /** Returns the id under which a schema is registered for a subject. It does not register it. */
  idOf(subject: string, schema: string): Promise<number> {
    return remember(this.#ids, `${subject} ${schema}`, async () => {
      try {
        return numberOf(await this.#ask("POST", `/subjects/${encodeURIComponent(subject)}`, { schema }));
      } catch (thrown) {
        if (!(thrown instanceof RegistryError)) throw thrown;
        throw new RegistryError(`${thrown.message}; register the schema of ${subject} with \`pl-gen register\``);
      }
    });
  }

  /** Registers a schema for a subject, unless it is registered already, and returns its id. */
  async register(subject: string, schema: string): Promise<number> {
    const id = numberOf(await this.#ask("POST", `/subjects/${encodeURIComponent(subject)}/versions`, { schema }));
    this.#ids.set(`${subject} ${schema}`, Promise.resolve(id));
    return id;
  }

  async #ask(method: string, path: string, body?: unknown): Promise<Answer> {
    const { url, username, password, timeoutMillis = 10_000, fetch = globalThis.fetch } = this.#options;
    const headers: { [name: string]: string } = { Accept: mediaType };
    if (username !== undefined) headers["Authorization"] = "Basic " + Buffer.from(`${username}:${password ?? ""}`).toString("base64");
    if (body !== undefined) headers["Content-Type"] = mediaType;
    let response: Response;
    try {
      response = await fetch(url.replace(/\/$/, "") + path, {
        method,
        headers,
        signal: AbortSignal.timeout(timeoutMillis),
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
    } catch (thrown) {
      throw new RegistryUnavailable(`the schema registry at ${url} cannot be reached`, { cause: thrown });
    }
    const answer = (await response.json().catch(() => ({}))) as Answer;
    if (response.ok) return answer;
    const why = typeof answer["message"] === "string" ? answer["message"] : `status ${response.status}`;
    if (response.status === 404 || response.status === 409 || response.status === 422) {
      throw new RegistryError(`the schema registry refuses ${path}: ${why}`);
    }
    throw new RegistryUnavailable(`the schema registry at ${url} answers ${path} with ${response.status}: ${why}`);
  }
}

function numberOf(answer: Answer): number {
  if (typeof answer["id"] !== "number") throw new RegistryError("the registry's answer holds no id");
  return answer["id"];
}

/** Keeps what was asked for, and forgets it when the asking failed. */
function remember<T>(known: Map<string, Promise<T>>, key: string, ask: () => Promise<T>): Promise<T> {
  const have = known.get(key);
  if (have !== undefined) return have;
  if (known.size >= maxRemembered) known.clear();
  const asked = ask().catch((thrown: unknown) => {
    known.delete(key);
    throw thrown;
  });
  known.set(key, asked);
  return asked;
}
