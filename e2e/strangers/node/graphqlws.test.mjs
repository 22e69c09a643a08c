// The client of graphql-ws, over the WebSocket of Node.
import assert from "node:assert/strict";
import { test } from "node:test";

import { buildClientSchema, getIntrospectionQuery } from "graphql";
import { createClient } from "graphql-ws";

import { ada, awardBadge, tess, url } from "./hub.mjs";

function clientOf(token) {
  return createClient({
    url: `${url.replace("http", "ws")}/graphql`,
    webSocketImpl: WebSocket,
    retryAttempts: 0,
    connectionParams: { Authorization: `Bearer ${token}` },
  });
}

test("introspection gives a schema that graphql-js takes", async () => {
  const client = clientOf(ada.token);
  for await (const result of client.iterate({ query: getIntrospectionQuery() })) {
    assert.equal(result.errors, undefined);
    assert.ok(buildClientSchema(result.data).getSubscriptionType());
  }
  await client.dispose();
});

/** What ada's client answers to one operation. */
async function once(query) {
  const client = clientOf(ada.token);
  try {
    for await (const result of client.iterate({ query })) return result;
  } finally {
    await client.dispose();
  }
}

const badgesOf = (id) => `subscription { badgeAwarded(studentId: "${id}") { studentId badgeId kind } }`;

test("a subscription tells of a badge", { timeout: 30_000 }, async () => {
  const client = clientOf(ada.token);
  const events = client.iterate({ query: badgesOf(ada.id) });
  // Nothing tells that a subscription has begun, so badges are given until one is heard of.
  let number = 0;
  const giving = setInterval(() => awardBadge(ada, `graphql-ws-${++number}`), 300);
  try {
    for await (const result of events) {
      assert.equal(result.errors, undefined);
      const badge = result.data.badgeAwarded;
      assert.equal(badge.studentId, ada.id);
      assert.equal(badge.kind, "HELPING_HAND");
      assert.ok(badge.badgeId);
      return;
    }
    assert.fail("the subscription ended without a badge");
  } finally {
    clearInterval(giving);
    await client.dispose();
  }
});

test("another's badges are refused", { timeout: 30_000 }, async () => {
  const { errors } = await once(badgesOf(tess.id));
  assert.equal(errors[0].extensions.code, "PERMISSION_DENIED");
});

test("a bad token is refused with a reason, which the client does not take for a lost connection", { timeout: 30_000 }, async () => {
  const client = clientOf("none");
  const closed = new Promise((resolve) => client.on("closed", resolve));
  const call = client.iterate({ query: "{ __typename }" }).next();
  await assert.rejects(call, (failure) => failure.code === 4403);
  assert.match((await closed).reason, /token/);
});
