import { failureOf } from "@pulselearn/campus-hub";
import { h, part } from "./dom.js";

/** How long good news stays in sight. */
const shownMillis = 10_000;

/** How many notes of a kind are in sight at most. */
const most = 3;

/** Tells the person something new, also those who listen to the page. What is bad stays until it is put away. */
export function tell(title: string, text: string, kind: "good" | "bad" | "plain" = "plain"): void {
  const note = h(
    "div",
    { class: `note ${kind}` },
    h("p", {}, h("strong", {}, title), " ", text),
    h("button", { class: "quiet", type: "button", "aria-label": `Dismiss: ${title}`, onclick: () => note.remove() }, "×"),
  );
  const place = part(kind === "bad" ? "alerts" : "news");
  place.append(note);
  if (place.childElementCount > most) place.firstElementChild?.remove();
  if (kind !== "bad") setTimeout(() => note.remove(), shownMillis);
}

/** Tells the person what failed, and what the hub says about it. */
export function explain(what: string, thrown: unknown): void {
  const { message } = failureOf(thrown);
  tell(`${what}.`, message.charAt(0).toUpperCase() + message.slice(1) + (message.endsWith(".") ? "" : "."), "bad");
}
