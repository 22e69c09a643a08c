import "./style.css";
import { campus, personOf } from "./campus.js";
import { h, part, put } from "./dom.js";
import { explain } from "./news.js";
import { student } from "./student.js";
import { teacher } from "./teacher.js";

const hub = campus();

async function start(): Promise<void> {
  const back = await hub.login.resume(location.href);
  if (back !== undefined) history.replaceState(null, "", back || "/");
  const person = (await hub.login.token()) === undefined ? undefined : personOf(hub.login);
  if (person === undefined) {
    welcome();
    return;
  }
  header(person.name);
  const view = person.roles.includes("student") ? student : teacher;
  await view(hub, person);
}

function header(name?: string): void {
  put(
    part("top"),
    h("span", { class: "brand" }, "PulseLearn"),
    name !== undefined && h("span", { class: "who" }, name),
    name !== undefined
      ? h("button", { class: "plain", onclick: () => void leave() }, "Log out")
      : h("button", { onclick: () => void enter() }, "Log in"),
  );
}

function welcome(): void {
  header();
  put(
    part("main"),
    h("h1", {}, "Learn together, live"),
    h("p", { class: "lead" }, "Take a quiz, earn a badge, and see your class move as it happens."),
    h("button", { onclick: () => void enter() }, "Log in"),
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
  hub.live.close();
  location.assign((await hub.login.logOut()) ?? "/");
}

start().catch((thrown: unknown) => {
  welcome();
  explain("The page could not be opened", thrown);
});
