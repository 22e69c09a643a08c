// A browser that notices what a person would not: errors in the console, and requests to elsewhere.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const axe = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

/** How long something may take to appear. */
const patience = 15_000;

const flags = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Starts Chromium. */
export function launch() {
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: flags });
}

/** A person at a browser of their own. */
export class Person {
  /** What went wrong without being seen. */
  faults = [];
  /** Faults that a test provokes, while it does. */
  allowed = [];

  constructor(url, name, context, page) {
    Object.assign(this, { url, name, context, page });
  }

  static async at(browser, url, name, options = {}) {
    const context = await browser.newContext({ locale: "en-GB", reducedMotion: "reduce", ...options });
    context.setDefaultTimeout(patience);
    const page = await context.newPage();
    const person = new Person(url, name, context, page);
    page.on("console", (m) => m.type() === "error" && person.#note(`${m.text()} at ${m.location().url}`));
    page.on("pageerror", (error) => person.#note(`thrown: ${error.stack}`));
    page.on("request", (r) => new URL(r.url()).origin !== url && person.#note(`a request to ${r.url()}`));
    page.on("websocket", (s) => new URL(s.url()).host !== new URL(url).host && person.#note(`a websocket to ${s.url()}`));
    return person;
  }

  #note(fault) {
    if (!this.allowed.some((pattern) => pattern.test(fault))) this.faults.push(fault);
  }

  /** Goes to the page and logs in. */
  async logIn(password = "pulselearn") {
    await this.page.goto(this.url);
    await this.page.getByRole("button", { name: "Log in" }).click();
    await this.typePassword(password);
  }

  async typePassword(password) {
    await this.page.getByLabel("Name or e-mail address").fill(this.name);
    await this.page.getByLabel("Password").fill(password);
    await this.page.getByRole("button", { name: "Log in" }).click();
  }

  /** Waits until something is in sight. */
  async see(role, name) {
    await this.page.getByRole(role, { name }).first().waitFor();
  }

  async seeText(text) {
    await this.page.getByText(text).first().waitFor();
  }

  button(name) {
    return this.page.getByRole("button", { name });
  }

  /** Fails when the view breaks a rule of WCAG 2.2 A or AA that axe-core knows. */
  async checkAccess(view) {
    if (!(await this.page.evaluate(() => "axe" in window))) await this.page.evaluate(await source());
    const { violations, passes } = await this.page.evaluate(() =>
      window.axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }),
    );
    assert.ok(passes.length > 10, `axe-core looked at ${view}`);
    const found = violations.map((v) => `${v.id}: ${v.help}: ${v.nodes.map((n) => n.html + " " + n.failureSummary).join("; ")}`);
    assert.deepEqual(found, [], `${view} breaks rules of accessibility`);
  }

  /** Presses Tab until the element has the focus. */
  async tabTo(locator) {
    for (let i = 0; i < 60; i++) {
      if (await locator.evaluate((element) => element === document.activeElement)) return;
      await this.page.keyboard.press("Tab");
    }
    assert.fail(`${locator} cannot be reached with Tab`);
  }
}

async function source() {
  const { readFile } = await import("node:fs/promises");
  return readFile(axe, "utf8");
}
