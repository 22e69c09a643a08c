// The WebSocket of Node, which offers to compress, at /realtime.
import assert from "node:assert/strict";
import { test } from "node:test";

import { ada, awardBadge, url } from "./hub.mjs";

/** A websocket whose messages can be waited for. */
function open() {
  const socket = new WebSocket(`${url.replace("http", "ws")}/realtime`, ["pl.realtime.v1"]);
  const waiting = [];
  const early = [];
  socket.addEventListener("message", ({ data }) => {
    const message = JSON.parse(data);
    const found = waiting.findIndex((w) => w.type === message.type);
    if (found >= 0) waiting.splice(found, 1)[0].resolve(message);
    else early.push(message);
  });
  const closed = new Promise((resolve) => socket.addEventListener("close", resolve));
  return {
    socket,
    closed,
    send: (message) => socket.send(JSON.stringify(message)),
    opened: new Promise((resolve) => socket.addEventListener("open", resolve)),
    next(type) {
      const found = early.findIndex((m) => m.type === type);
      if (found >= 0) return Promise.resolve(early.splice(found, 1)[0]);
      return new Promise((resolve) => waiting.push({ type, resolve }));
    },
  };
}

/** Logs ada in and subscribes to her channel. */
async function listen(after) {
  const s = open();
  await s.opened;
  assert.equal(s.socket.protocol, "pl.realtime.v1");
  assert.equal(s.socket.extensions, "");
  s.send({ type: "auth", token: ada.token });
  assert.equal((await s.next("ready")).caller, `user:${ada.id}`);
  s.send({ type: "subscribe", id: "1", channel: `user:${ada.id}`, after });
  return { ...s, subscribed: await s.next("subscribed") };
}

/** Waits for the badge of a source and adds positions to those that are known. */
async function badge(s, positions) {
  for (;;) {
    const m = await s.next("event");
    positions[`${m.event}/${m.partition}`] = m.offset;
    if (m.event === "pl.achievement.badge_awarded.v1") return m.data;
  }
}

test("listens, comes back, and has missed nothing", { timeout: 30_000 }, async () => {
  const first = await listen();
  const positions = { ...first.subscribed.positions };
  await awardBadge(ada, "node-1");
  const one = await badge(first, positions);
  assert.equal(one.studentId, ada.id);
  first.socket.close(1000, "see you");
  const { code, wasClean } = await first.closed;
  assert.deepEqual({ code, wasClean }, { code: 1000, wasClean: true });

  await awardBadge(ada, "node-2");
  const back = await listen(positions);
  assert.equal(back.subscribed.resumed, true);
  const two = await badge(back, positions);
  assert.notEqual(two.badgeId, one.badgeId);
  back.socket.close();
  await back.closed;
});

test("hears why the hub closes", { timeout: 30_000 }, async () => {
  const s = open();
  await s.opened;
  s.send({ type: "auth", token: "none" });
  const { code, wasClean, reason } = await s.closed;
  assert.deepEqual({ code, wasClean }, { code: 4401, wasClean: true });
  assert.ok(reason.length > 0);
});

test("is told not to send bytes", { timeout: 30_000 }, async () => {
  const s = open();
  await s.opened;
  s.socket.send(new Uint8Array([1, 2, 3]));
  assert.equal((await s.closed).code, 1003);
});
