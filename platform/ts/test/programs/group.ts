/**
 * One of several processes of a service, for e2e/typescript: it notes what it applies, of the quizzes that Go publishes and of
 * the badges that it publishes itself. It says what it runs, so that the test knows when to kill it.
 */
import { writeSync } from "node:fs";
import pg from "pg";
import { BadgeAwarded } from "@pulselearn/campus-hub/events/achievement/v1";
import { QuizCompleted } from "@pulselearn/campus-hub/events/quiz/v1";
import { type Delivery, EventBus, type EventBusConfig, migrate, retryAfter, type Tx } from "../../src/index.js";

const { PL_BROKER: broker, PL_ADDR: addr = "", PL_REGISTRY_URL: url = "", PL_DATABASE_URL: connectionString = "" } = process.env;

const pool = new pg.Pool({ connectionString });
await migrate(pool);

const say = (...words: readonly (string | number)[]): void => void writeSync(1, words.join(" ") + "\n");
const log = { debug() {}, info() {}, warn: console.error, error: console.error };
const config: EventBusConfig = { context: "achievement", registry: { url }, postgres: { pool }, provision: true, log };
const bus = await EventBus.init(
  broker === "kafka" ? { ...config, kafka: { brokers: [addr], sessionTimeoutMillis: 6_000 } } : { ...config, nats: { servers: addr, idleMillis: 500 } },
);

/** Effects have no key: a second one of the same event would show. */
async function effect(e: Delivery<unknown>, tx: Tx, consumer: string, student: string, id: string, n: number): Promise<void> {
  await tx.client.query("INSERT INTO effects (consumer, student, id, n, place) VALUES ($1, $2, $3, $4, $5)", [consumer, student, id, n, `${e.partition}/${e.offset}`]);
}

bus.subscribe(
  QuizCompleted,
  "OnQuizCompleted",
  async (e, tx) => {
    const { data, attempt } = e;
    say("run", "quiz", e.partition, attempt, data.quizTitle, data.attemptId);
    if (data.quizTitle === "waits" && (await tx.client.query("SELECT FROM released")).rowCount === 0) throw retryAfter(60_000, new Error("not released"));
    await effect(e, tx, "quiz", data.studentId, data.attemptId, data.attemptNumber);
    tx.publish(BadgeAwarded, {
      studentId: data.studentId,
      studentName: null,
      badgeId: data.attemptId,
      kind: "ACE",
      title: data.quizTitle,
      points: data.attemptNumber,
      sourceId: data.quizId,
      course: null,
      score: null,
      awardedBy: null,
      reason: null,
      awardedOn: data.occurredAt.slice(0, 10),
      occurredAt: data.occurredAt,
    });
    if (data.quizTitle === "stumble" && attempt < 3) throw new Error("not yet");
    if (data.quizTitle === "poison") throw new Error("never");
  },
  { retry: { attempts: 4, firstDelayMillis: 50, maxDelayMillis: 200 } },
);
bus.subscribe(BadgeAwarded, "OnBadgeAwarded", async (e, tx) => {
  say("run", "badge", e.partition, e.attempt, e.data.title, e.data.badgeId);
  await effect(e, tx, "badge", e.data.studentId, e.data.badgeId, e.data.points);
});
await bus.start();
say("ready");

process.once("SIGTERM", () => {
  void bus
    .close()
    .then(() => pool.end())
    .then(() => say("closed"));
});
