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
const second = "Why bridges fall";

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

await step("a teacher publishes a course", async () => {
  await tess.page.goto(url);
  await tess.checkAccess("the welcome");
  await tess.logIn();
  await tess.see("heading", "Hello, Tess");
  await tess.page.getByLabel("Title", { exact: true }).fill(course);
  await tess.page.getByLabel("Code").fill("CIV-1");
  await tess.button("Publish the course").click();
  await tess.see("region", "Quizzes");
  await tess.seeText("Live");
  await here(tess, "1 here now: only you");
  await tess.checkAccess("a teacher's view");
});

/** Waits until the page says who has the course on theirs. */
async function here(person, text) {
  await person.page.locator("p.here", { hasText: text }).waitFor();
  assert.equal(await person.page.locator("p.here").textContent(), text, `what ${person.name} sees`);
}

/** Waits until the page has said something to those who listen to it. */
const heard = (person, text) => person.page.locator("#said[role=status]", { hasText: text }).waitFor({ state: "attached" });

async function writeQuiz(title) {
  await tess.page.getByLabel("Quiz title").fill(title);
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

/** Without a reload this stays. */
const mark = () => {
  window.unreloaded = true;
};

await step("a new course is there when a student comes back to the page", async () => {
  await ada.page.evaluate(mark);
  const elsewhere = await ada.context.newPage();
  await elsewhere.bringToFront();
  await ada.page.bringToFront();
  await ada.page.evaluate(() => window.dispatchEvent(new Event("focus"))); // which Chromium without a window does not send
  await ada.button(`Join ${course} for`).waitFor();
  await elsewhere.close();
});

await step("students join, and the course opens by itself", async () => {
  await ben.logIn();
  await ben.see("heading", "Hello, Ben");
  await Promise.all([tess, ben].map((p) => p.page.evaluate(mark)));
  for (const student of [ada, ben]) {
    await student.button(`Join ${course} for`).click();
    await student.page.getByText("No quizzes yet").waitFor();
    await student.seeText("Live");
  }
});

await step("everybody sees who is there, without a jump of the page", async () => {
  await here(tess, "3 here now: you, Ada and Ben");
  await here(ada, "3 here now: you, Tess and 1 other"); // classmates have names once they are on the board
  await heard(tess, /\bBen (is|are) here now\./); // both may have come at once
  const place = () => tess.page.getByRole("region", { name: "Class progress" }).boundingBox();
  const before = await place();
  const spare = await Person.at(browser, url, "ben");
  await spare.logIn(); // a person with two pages is one
  await here(spare, "3 here now: you, Tess and 1 other");
  await spare.context.close();
  await ben.page.goto("about:blank");
  await here(tess, "2 here now: you and Ada");
  await heard(tess, "Ben has left.");
  await here(ada, "2 here now: you and Tess");
  assert.deepEqual(await place(), before, "what is below stays where it was");
  await ben.page.goto(url);
  await here(ben, "3 here now: you, Tess and 1 other");
  await here(tess, "3 here now: you, Ada and Ben");
  await ben.page.evaluate(mark);
});

await step("many people are counted, and a few of them named", async () => {
  const full = await Person.at(browser, url, "ben");
  let crowd, members;
  await full.page.routeWebSocket(/\/realtime$/, (socket) => {
    socket.connectToServer().onMessage((text) => {
      socket.send(text);
      const { type, channel, members: said } = JSON.parse(text);
      members ??= said;
      if (type === "presence") crowd = (frame) => socket.send(JSON.stringify({ type, channel, ...frame }));
    });
  });
  await full.logIn();
  await here(full, "3 here now: you, Tess and 1 other");
  crowd({ count: 137 });
  await here(full, "137 here now");
  crowd({ count: 9, members: [...members, "1", "2", "3", "4", "5", "6"] });
  await here(full, "9 here now: you, Tess and 7 others");
  crowd({ count: 8, left: ["6"] });
  await here(full, "8 here now: you, Tess and 6 others");
  await heard(full, "1 person has left.");
  crowd({ count: 10, joined: ["7", "8"] });
  await heard(full, "2 people are here now.");
  await full.checkAccess("a full course");
  assert.deepEqual(full.faults, []);
  await full.context.close();
});

await step("a new quiz appears to everybody by itself", async () => {
  await writeQuiz(quiz);
  await tess.page.getByRole("region", { name: "Quizzes" }).getByText(quiz).waitFor();
  for (const student of [ada, ben]) {
    await student.button(quiz).waitFor();
    await student.page.getByRole("status").getByText("New quiz:").waitFor();
  }
  await ada.checkAccess("a student's view");
});

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
  await tess.page.locator("p.here").waitFor({ state: "hidden" }); // nobody knows now
  await tess.button("Log out").click();
  await tess.page.getByRole("alert").getByText("You are still logged in.").waitFor();
  await tess.button("Dismiss: You are still logged in.").click();
  await ada.button("Back to the courses").click();
  await ada.page.getByRole("alert").getByText("could not be read").waitFor();
  await order("start");
  await Promise.all(everybody.map((p) => p.seeText("Live")));
  await tess.see("row", /^Ben 2 2 \d+$/);
  await ada.see("row", /^Ben 2 2 \d+$/);
  await ada.page.getByRole("alert").getByText("could not be read").waitFor({ state: "detached" });
  await here(tess, "3 here now: you, Ada and Ben");
  await here(ada, "3 here now: you, Ben and Tess"); // Ben is on the board
  for (const person of everybody) person.allowed = [];
  await writeQuiz(second);
  await ada.button(second).waitFor();
  await ada.button(quiz).click();
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
