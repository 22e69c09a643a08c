import pg from "pg";
import { EventBus, migrate, reject } from "@pl/platform";
import { QuizCompleted } from "@pulselearn/campus-hub/events/quiz/v1";
import { BadgeAwarded } from "@pulselearn/campus-hub/events/achievement/v1";

const pool = new pg.Pool({ connectionString: process.env.PL_DATABASE_URL });
await migrate(pool); // the inbox and the outbox
await pool.query("CREATE TABLE IF NOT EXISTS badges (student_id text, quiz_id text, PRIMARY KEY (student_id, quiz_id))");

const bus = await EventBus.init({
  context: "achievement",
  kafka: { brokers: [process.env.PL_KAFKA ?? "localhost:9092"] }, // or nats: { servers: "localhost:4222" }
  registry: { url: process.env.PL_REGISTRY_URL ?? "http://localhost:8081" },
  postgres: { pool },
  provision: true, // creates topics and registers schemas; production leaves that to pl-gen
  log: console,
});

bus.subscribe(QuizCompleted, "OnQuizCompleted", async ({ data }, tx) => {
  if (data.score > 1) throw reject(new Error("nobody is that good"));
  if (data.score < 0.9) return;
  await tx.client.query("INSERT INTO badges VALUES ($1, $2)", [data.studentId, data.quizId]);
  tx.publish(BadgeAwarded, {
    studentId: data.studentId,
    studentName: null,
    badgeId: data.attemptId,
    kind: "ACE",
    title: `Ace: ${data.quizTitle}`,
    points: 50,
    sourceId: data.quizId,
    course: data.course,
    score: data.score,
    awardedBy: null,
    reason: null,
    awardedOn: data.occurredAt.slice(0, 10),
    occurredAt: data.occurredAt,
  });
});
await bus.start();
process.once("SIGTERM", () => void bus.close().then(() => pool.end()));
