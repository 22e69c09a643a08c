/** Writes one line of JSON for each test, which e2e/typescript counts. */
export default async function* report(source) {
  for await (const { type, data } of source) {
    if (type !== "test:pass" && type !== "test:fail") continue;
    if (data.details?.type === "suite") continue;
    const error = data.details?.error;
    const why = error === undefined ? undefined : String(error.cause?.stack ?? error.message);
    yield JSON.stringify({ name: data.name, file: data.file, passed: type === "test:pass", skipped: data.skip !== undefined, why }) + "\n";
  }
}
