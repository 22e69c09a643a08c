/** A service for e2e/typescript: it gives a badge for every quiz that was completed. Go publishes the quizzes and reads the badges. */
import pg from "pg";
import { BadgeAwarded } from "@pulselearn/campus-hub/events/achievement/v1";
import { QuizCompleted } from "@pulselearn/campus-hub/events/quiz/v1";
import { EventBus, type EventBusConfig, migrate, reject } from "../../src/index.js";

const { PL_BROKER: broker, PL_ADDR: addr = "", PL_REGISTRY_URL: url = "", PL_DATABASE_URL: connectionString = "" } = process.env;

const pool = new pg.Pool({ connectionString });
await migrate(pool);
await pool.query("CREATE TABLE IF NOT EXISTS badges (attempt_id text PRIMARY KEY, student_id text NOT NULL, runs integer NOT NULL)");

const config: EventBusConfig = { context: "achievement", registry: { url }, postgres: { pool }, provision: true };
const bus = await EventBus.init(broker === "kafka" ? { ...config, kafka: { brokers: [addr] } } : { ...config, nats: { servers: addr, idleMillis: 500 } });

bus.subscribe(
  QuizCompleted,
  "OnQuizCompleted",
  async ({ data, attempt }, tx) => {
    if (data.quizTitle === "never") throw reject(new Error("no badge is given for this quiz"));
    await tx.client.query("INSERT INTO badges VALUES ($1, $2, 1) ON CONFLICT (attempt_id) DO UPDATE SET runs = badges.runs + 1", [data.attemptId, data.studentId]);
    tx.publish(BadgeAwarded, {
      studentId: data.studentId,
      studentName: null,
      badgeId: data.attemptId,
      kind: "ACE",
      title: data.quizTitle,
      points: data.attemptNumber,
      sourceId: data.quizId,
      course: data.course,
      score: data.score,
      awardedBy: null,
      reason: null,
      awardedOn: data.occurredAt.slice(0, 10),
      occurredAt: data.occurredAt,
    });
    // What was written and published so far goes with this.
    if (data.quizTitle === "stumble" && attempt < 3) throw new Error("not yet");
  },
  { retry: { attempts: 5, firstDelayMillis: 50, maxDelayMillis: 200 } },
);
await bus.start();
console.log("ready");

process.once("SIGTERM", () => void bus.close().then(() => pool.end()).then(() => process.exit(0)));
