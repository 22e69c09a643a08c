import { Role } from "@pulselearn/campus-hub/proto/pl/auth/v1/auth_pb";
import type { RealtimeClient, State } from "@pulselearn/campus-hub/realtime";
import "./style.css";
import { campus, personOf, type Person } from "./campus.js";
import { h, part, put } from "./dom.js";
import { explain, reread, tell } from "./news.js";
import { student } from "./student.js";
import { teacher } from "./teacher.js";

const hub = campus();
let live: RealtimeClient | undefined;

async function start(): Promise<void> {
  const back = await hub.login.resume(location.href);
  if (back !== undefined) history.replaceState(null, "", back || "/");
  const person = await personOf(hub);
  if (person === undefined) return welcome();
  const connection = h("span", { class: "live off" }, "Connecting…");
  live = hub.listen((state) => show(connection, state));
  header(connection, person);
  footer(person);
  await (person.role === Role.STUDENT ? student : teacher)(hub, live, person);
}

const states: { readonly [state in State]: string } = {
  connecting: "Connecting…",
  waiting: "Reconnecting…",
  ready: "Live",
  closed: "Logged out",
};

function show(connection: HTMLElement, state: State): void {
  connection.textContent = states[state];
  connection.classList.toggle("off", state !== "ready");
  document.body.classList.toggle("away", state !== "ready");
  if (state === "ready") reread();
  if (state === "closed" && !hub.login.loggedIn) {
    welcome();
    tell("Your session has ended.", "Log in again to go on.");
  }
}

const roles: { readonly [role in Role]: string } = {
  [Role.UNSPECIFIED]: "",
  [Role.STUDENT]: "Student",
  [Role.TEACHER]: "Teacher",
  [Role.ADMIN]: "Administrator",
};

function header(connection?: HTMLElement, person?: Person): void {
  put(
    part("top"),
    h("a", { class: "brand", href: "/", "aria-label": "PulseLearn" }, h("img", { src: "/icon.svg", alt: "", width: 28, height: 28 }), h("span", {}, "PulseLearn")),
    connection,
    person && h("span", { class: "who" }, h("span", { class: "name" }, person.name), h("small", {}, roles[person.role])),
    person && h("button", { class: "plain", onclick: () => void leave() }, "Log out"),
  );
}

/** What a person does seldom. */
function footer(person?: Person): void {
  put(part("foot"), person && h("a", { href: "/oauth/password" }, "Change your password"));
}

function welcome(): void {
  header();
  footer();
  put(
    part("main"),
    h(
      "div",
      { class: "welcome" },
      h("img", { src: "/icon.svg", alt: "", width: 72, height: 72 }),
      h("h1", {}, "Learn together, live"),
      h("p", { class: "lead" }, "Take a quiz, earn a badge, and see your class move as it happens."),
      h("button", { class: "big", onclick: () => void enter() }, "Log in"),
    ),
  );
}

async function enter(): Promise<void> {
  try {
    location.assign(await hub.login.authorizationUrl(location.pathname));
  } catch (thrown) {
    explain("Logging in is not possible now", thrown);
  }
}

async function leave(): Promise<void> {
  if (!(await reachable())) return tell("You are still logged in.", "The hub cannot be reached. Log out when the page is live again.", "bad");
  try {
    const end = await hub.login.logOut();
    live?.close();
    location.assign(end ?? "/");
  } catch (thrown) {
    explain("You are logged out here, but perhaps not everywhere", thrown);
  }
}

/** Whether the browser can go to the hub now. Where it cannot, it would show a page of its own. */
async function reachable(): Promise<boolean> {
  try {
    return (await fetch("/index.html", { method: "HEAD", cache: "no-store" })).ok;
  } catch {
    return false;
  }
}

start().catch((thrown: unknown) => {
  welcome();
  explain("The page could not be opened", thrown);
});
