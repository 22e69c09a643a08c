import { failureOf } from "@pulselearn/campus-hub";
import { h, part } from "./dom.js";

/** How long something new stays in sight. */
const shownMillis = 8_000;

/** Tells the person something new, also to those who listen to the page. */
export function tell(title: string, text: string, kind: "good" | "bad" | "plain" = "plain"): void {
  const note = h("p", { class: `note ${kind}` }, h("strong", {}, title), " ", text);
  part("news").append(note);
  setTimeout(() => note.remove(), shownMillis);
}

/** Tells the person what failed and what the hub says about it. */
export function explain(what: string, thrown: unknown): void {
  tell(`${what}.`, failureOf(thrown).message, "bad");
}
