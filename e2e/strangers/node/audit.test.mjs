// The audit of graphql-http holds a server to GraphQL over HTTP.
import assert from "node:assert/strict";
import { test } from "node:test";

import { serverAudits } from "graphql-http";

import { url } from "./hub.mjs";

for (const audit of serverAudits({ url: `${url}/graphql`, fetchFn: fetch })) {
  test(`${audit.id} ${audit.name}`, async () => {
    const result = await audit.fn();
    assert.equal(result.status, "ok", result.reason);
  });
}
