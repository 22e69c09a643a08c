import { failureOf } from "@pulselearn/campus-hub";
import type { Course } from "@pulselearn/campus-hub/proto/pl/course/v1/course_pb";
import { Difficulty } from "@pulselearn/campus-hub/proto/pl/quiz/v1/quiz_pb";
import type { Campus, Person } from "./campus.js";
import { h, put } from "./dom.js";
import { explain, tell } from "./news.js";

/** How many choices a question of this form has at most, and at least. */
const most = 4;
const least = 2;

/** How often, and with which pause, a quiz is offered to a course that was published a moment ago. */
const offers = 20;
const pauseMillis = 250;

/** A form to write a quiz for a course. `added` is called when there is one more. */
export function writeQuiz(hub: Campus, person: Person, course: Course, added: () => void): HTMLElement {
  const questions = h("div");
  const more = (): void => questions.append(question(questions.childElementCount));
  const button = h("button", { type: "submit" }, "Add the quiz");
  const form = h(
    "form",
    { class: "card", "aria-labelledby": "new-quiz-title" },
    h("h2", { id: "new-quiz-title" }, "New quiz"),
    h(
      "div",
      { class: "pair wide" },
      h("label", {}, "Quiz title", h("input", { name: "title", required: true, maxlength: 200, autocomplete: "off" })),
      h("label", {}, "Difficulty", difficulty()),
    ),
    questions,
    h("div", { class: "row" }, button, h("button", { type: "button", class: "plain", onclick: more }, "Another question")),
  );
  more();
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    button.disabled = true;
    void add(hub, person, course, new FormData(form), questions.childElementCount).then((done) => {
      button.disabled = false;
      if (!done) return;
      form.reset();
      put(questions);
      more();
      added();
    });
  });
  return form;
}

function difficulty(): HTMLElement {
  return h(
    "select",
    { name: "difficulty" },
    h("option", { value: Difficulty.EASY }, "Easy"),
    h("option", { value: Difficulty.MEDIUM, selected: true }, "Medium"),
    h("option", { value: Difficulty.HARD }, "Hard"),
  );
}

function question(number: number): HTMLElement {
  const texts: HTMLInputElement[] = [];
  const box = h(
    "fieldset",
    {},
    h("legend", {}, `Question ${number + 1}`),
    h("label", {}, "What is asked", h("input", { name: `prompt${number}`, required: true, maxlength: 2000, autocomplete: "off" })),
    h("p", { class: "hint" }, `Choices, two at least. Mark the right one.`),
    ...Array.from({ length: most }, (_, i) => {
      const text = h("input", { name: `choice${number}`, required: i < least, maxlength: 500, autocomplete: "off", "aria-label": `Choice ${i + 1}` });
      texts.push(text);
      const right = h("input", { type: "radio", name: `right${number}`, value: i, required: true, "aria-label": `Choice ${i + 1} is right` });
      return h("div", { class: "choice" }, right, text);
    }),
  );
  box.addEventListener("change", () => {
    const right = Number(box.querySelector<HTMLInputElement>("input[type=radio]:checked")?.value ?? -1);
    texts.forEach((text, i) => {
      text.required = i < least || i === right;
    });
  });
  return box;
}

/** Returns a question as it was written. Choices without text are left out. */
function written(given: FormData, n: number): { prompt: string; choices: string[]; correctChoice: number } {
  const texts = given.getAll(`choice${n}`).map((t) => String(t).trim());
  const right = Number(given.get(`right${n}`));
  return {
    prompt: String(given.get(`prompt${n}`)),
    choices: texts.filter((t) => t !== ""),
    correctChoice: texts.slice(0, right).filter((t) => t !== "").length,
  };
}

async function add(hub: Campus, person: Person, course: Course, given: FormData, count: number): Promise<boolean> {
  const title = String(given.get("title"));
  try {
    await settled(() =>
      hub.quiz.createQuiz({
        courseId: course.id,
        title,
        difficulty: Number(given.get("difficulty")) as Difficulty,
        passScore: 0.5,
        createdBy: person.id,
        questions: Array.from({ length: count }, (_, n) => written(given, n)),
      }),
    );
    tell(title, `was added to ${course.title}.`, "good");
    return true;
  } catch (thrown) {
    explain("The quiz was not added", thrown);
    return false;
  }
}

/** Makes a call that needs an event of another context, which may be on its way. */
async function settled(call: () => Promise<unknown>): Promise<void> {
  for (let left = offers; ; left--) {
    try {
      await call();
      return;
    } catch (thrown) {
      if (left === 0 || failureOf(thrown).code !== "failed_precondition") throw thrown;
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMillis));
  }
}
