// A teacher and two students, each at a browser of their own, and a hub that dies under them.
import assert from "node:assert/strict";
import { createInterface } from "node:readline";
import { launch, Person } from "./browser.js";

const url = process.env.HUB_URL;
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/** Asks whoever started this program to do something to the hub, and waits until it is done. */
async function order(what) {
  console.log(`ORDER ${what}`);
  const { value } = await lines.next();
  assert.equal(value, "done", what);
}

async function step(name, work) {
  const begin = Date.now();
  await work();
  console.log(`${name}: ${Date.now() - begin} ms`);
}

const course = "Bridges & “Towers” <for beginners>";
const quiz = "Why bridges stand";

const browser = await launch();
const [tess, ada, ben] = await Promise.all(["tess", "ada", "ben"].map((name) => Person.at(browser, url, name)));
const everybody = [tess, ada, ben];

await step("a wrong password is refused, the right one lets in", async () => {
  ada.allowed = [/status of 401/];
  await ada.logIn("not the password");
  await ada.see("alert");
  await ada.typePassword("pulselearn");
  await ada.see("heading", "Hello, Ada");
  ada.allowed = [];
  assert.equal(new URL(ada.page.url()).search, "", "the code has gone from the address");
  await ada.seeText("No course has been published yet");
  await ada.checkAccess("a student's first view");
});

await step("a teacher publishes a course and writes a quiz", async () => {
  await tess.page.goto(url);
  await tess.checkAccess("the welcome");
  await tess.logIn();
  await tess.see("heading", "Hello, Tess");
  await tess.page.getByLabel("Title", { exact: true }).fill(course);
  await tess.page.getByLabel("Code").fill("CIV-1");
  await tess.button("Publish the course").click();
  await tess.see("region", "Quizzes");
  await writeQuiz();
  await tess.page.getByRole("region", { name: "Quizzes" }).getByText(quiz).waitFor();
  await tess.seeText("Live");
  await tess.checkAccess("a teacher's view");
});

async function writeQuiz() {
  await tess.page.getByLabel("Quiz title").fill(quiz);
  await tess.button("Another question").click();
  const questions = [
    ["What carries a suspension bridge?", ["Its cables", "Its paint", "Habit"], 1],
    ["Which shape does not bend?", ["A square", "A triangle"], 2],
  ];
  for (const [n, [prompt, choices, right]] of questions.entries()) {
    const box = tess.page.getByRole("group", { name: `Question ${n + 1}` });
    await box.getByLabel("What is asked").fill(prompt);
    for (const [i, choice] of choices.entries()) await box.getByLabel(`Choice ${i + 1}`, { exact: true }).fill(choice);
    await box.getByLabel(`Choice ${right} is right`).check();
  }
  await tess.button("Add the quiz").click();
}

await step("students join, and the course opens by itself", async () => {
  await ben.logIn();
  await ben.see("heading", "Hello, Ben");
  await Promise.all(
    [ada, ben].map(async (student) => {
      await student.page.reload();
      await student.button(`Join ${course} for`).click();
      await student.button(quiz).waitFor();
      await student.seeText("Live");
    }),
  );
  await ada.checkAccess("a student's view");
});

/** Without a reload this stays. */
const mark = () => {
  window.unreloaded = true;
};
await Promise.all(everybody.map((p) => p.page.evaluate(mark)));

await step("a student takes the quiz with the keyboard alone", async () => {
  const { page } = ada;
  await ada.tabTo(ada.button(quiz));
  await page.keyboard.press("Enter");
  await ada.see("group", "1. What carries a suspension bridge?");
  assert.equal(await page.evaluate(() => document.activeElement?.textContent), quiz, "the quiz's title has the focus");
  await ada.checkAccess("a quiz");
  await ada.tabTo(page.getByRole("radio", { name: "Its cables" }));
  await page.keyboard.press("Space");
  await ada.tabTo(page.getByRole("radio", { name: "A square" }));
  await page.keyboard.press("ArrowDown");
  assert.ok(await page.getByRole("radio", { name: "A triangle" }).isChecked(), "an arrow chooses");
  await page.keyboard.press("Enter");
  await ada.see("heading", "Passed!");
  assert.equal(await page.evaluate(() => document.activeElement?.textContent), "Passed!", "the result has the focus");
  await ada.seeText("2 of 2");
  await ada.checkAccess("a result");
});

await step("the badges and the class's progress arrive by themselves", async () => {
  const badges = ada.page.getByRole("region", { name: "Your badges" });
  await badges.getByRole("listitem").nth(1).waitFor();
  await ada.page.getByRole("status").getByText("New badge:").first().waitFor();
  await ada.see("row", /^Ada \(you\) 1 2 \d+$/);
  await tess.see("row", /^Ada 1 2 \d+$/);
  await ben.see("row", /^Ada 1 2 \d+$/);
});

await step("another student moves up beside", async () => {
  await answer("Its cables", "A square");
  await ben.see("heading", "Passed!");
  await ben.seeText("1 of 2");
  await tess.see("row", /^Ben 1 1 \d+$/);
  const rows = await tess.page.getByRole("rowheader").allTextContents();
  assert.deepEqual(rows, ["Ada", "Ben"], "the most points are first");
});

async function answer(...choices) {
  await ben.button(quiz).click();
  for (const choice of choices) await ben.page.getByRole("radio", { name: choice }).check();
  await ben.button("Hand in").click();
}

await step("the hub is killed and comes back, and nothing is lost", async () => {
  for (const person of everybody) person.allowed = [/ERR_CONNECTION_REFUSED|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET|WebSocket connection|status of 503/];
  await ben.button("Back to the courses").click();
  await answer("Its cables", "A triangle");
  await ben.seeText("2 of 2");
  await order("kill");
  await Promise.all(everybody.map((p) => p.seeText("Reconnecting…")));
  await order("start");
  await Promise.all(everybody.map((p) => p.seeText("Live")));
  await tess.see("row", /^Ben 2 2 \d+$/);
  await ada.see("row", /^Ben 2 2 \d+$/);
  for (const person of everybody) person.allowed = [];
  await ada.button("Take it again").click();
  await ada.page.getByRole("radio", { name: "Habit" }).check();
  await ada.page.getByRole("radio", { name: "A square" }).check();
  await ada.button("Hand in").click();
  await ada.see("heading", "Not passed yet");
  await tess.see("row", /^Ada 2 2 \d+$/);
});

for (const person of everybody) {
  assert.ok(await person.page.evaluate(() => window.unreloaded), `the page of ${person.name} was not loaded anew`);
}

await step("a session survives a reload, and ends with a log-out", async () => {
  await ada.page.reload();
  await ada.see("heading", "Hello, Ada");
  await ada.page.getByRole("region", { name: "Your badges" }).getByRole("listitem").nth(1).waitFor();
  await ada.button("Log out").click();
  await ada.see("heading", "Learn together, live");
  await ada.button("Log in").click();
  await ada.page.getByLabel("Password").waitFor();
  await ada.checkAccess("the log-in");
});

const faults = everybody.flatMap((p) => p.faults.map((fault) => `${p.name}: ${fault}`));
assert.deepEqual(faults, [], "the browsers complain");
await browser.close();
console.log("COMPLETE");
process.exit(0);
