import { failureOf } from "@pulselearn/campus-hub";
import { h, part } from "./dom.js";

/** How long good news stays in sight. */
const shownMillis = 10_000;

/** How many notes of a kind are in sight at most. */
const most = 3;

/** What a note is about. "stale" is bad as well, until the page is live again and has read everything anew. */
type Kind = "good" | "bad" | "bad stale" | "plain";

/** Tells the person something new, also those who listen to the page. What is bad stays until it is put away. */
export function tell(title: string, text: string, kind: Kind = "plain"): void {
  const note = h(
    "div",
    { class: `note ${kind}` },
    h("p", {}, h("strong", {}, title), " ", text),
    h("button", { class: "quiet", type: "button", "aria-label": `Dismiss: ${title}`, onclick: () => note.remove() }, "×"),
  );
  const bad = kind.startsWith("bad");
  const place = part(bad ? "alerts" : "news");
  [...place.children].find((other) => other.isEqualNode(note))?.remove();
  place.append(note);
  if (place.childElementCount > most) place.firstElementChild?.remove();
  if (!bad) setTimeout(() => note.remove(), shownMillis);
}

/** Tells the person what failed, and what the hub says about it. */
export function explain(what: string, thrown: unknown, kind: Kind = "bad"): void {
  const { message } = failureOf(thrown);
  tell(`${what}.`, message.charAt(0).toUpperCase() + message.slice(1) + (message.endsWith(".") ? "" : "."), kind);
}

/** Tells the person that something could not be read, so that what is shown may be old. */
export function unread(what: string, thrown: unknown): void {
  explain(`${what} could not be read`, thrown, "bad stale");
}

/** Takes back that something could not be read: the page is live, and reads it again. */
export function reread(): void {
  for (const note of document.querySelectorAll(".stale")) note.remove();
}

/** Says something to those who listen to the page, and shows nothing. */
export function say(text: string): void {
  part("said").textContent = text;
}
