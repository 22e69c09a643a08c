-- create table quizzes
-- create table questions
-- create table attempts
-- create table course_refs

CREATE TABLE "quizzes" (
  "id" text NOT NULL,
  "course_id" text NOT NULL DEFAULT '',
  "title" text NOT NULL DEFAULT '',
  "difficulty" text NOT NULL DEFAULT 'UNSPECIFIED',
  "pass_score" double precision NOT NULL DEFAULT 0,
  "question_count" integer NOT NULL DEFAULT 0,
  "max_attempts" integer NOT NULL DEFAULT 0,
  "time_limit_seconds" integer NOT NULL DEFAULT 0,
  "created_by" text NOT NULL DEFAULT '',
  "created_at" timestamptz NOT NULL,
  PRIMARY KEY ("id")
);

CREATE INDEX "quizzes_course_id_id_idx" ON "quizzes" ("course_id", "id");

CREATE TABLE "questions" (
  "id" text NOT NULL,
  "quiz_id" text NOT NULL,
  "position" integer NOT NULL,
  "prompt" text NOT NULL DEFAULT '',
  "choices" jsonb NULL,
  "correct_choice" integer NOT NULL DEFAULT 0,
  "topic" text NOT NULL DEFAULT '',
  PRIMARY KEY ("id")
);

CREATE UNIQUE INDEX "questions_quiz_id_position_key" ON "questions" ("quiz_id", "position");

CREATE TABLE "attempts" (
  "id" text NOT NULL,
  "quiz_id" text NOT NULL,
  "course_id" text NOT NULL DEFAULT '',
  "student_id" text NOT NULL,
  "number" integer NOT NULL,
  "score" double precision NOT NULL DEFAULT 0,
  "passed" boolean NOT NULL DEFAULT false,
  "correct_count" integer NOT NULL DEFAULT 0,
  "question_count" integer NOT NULL DEFAULT 0,
  "answers" jsonb NULL,
  "started_at" timestamptz NULL,
  "submitted_at" timestamptz NOT NULL,
  PRIMARY KEY ("id")
);

CREATE INDEX "attempts_quiz_id_idx" ON "attempts" ("quiz_id");

CREATE UNIQUE INDEX "attempts_student_id_quiz_id_number_key" ON "attempts" ("student_id", "quiz_id", "number");

CREATE INDEX "attempts_student_id_id_idx" ON "attempts" ("student_id", "id");

CREATE TABLE "course_refs" (
  "id" text NOT NULL,
  "code" text NOT NULL DEFAULT '',
  "title" text NOT NULL DEFAULT '',
  "instructor_id" text NOT NULL DEFAULT '',
  "published_at" timestamptz NOT NULL,
  PRIMARY KEY ("id")
);
