import type { Course } from "@pulselearn/campus-hub/proto/pl/course/v1/course_pb";
import { Difficulty } from "@pulselearn/campus-hub/proto/pl/quiz/v1/quiz_pb";
import type { Campus, Person } from "./campus.js";
import { h, put } from "./dom.js";
import { explain, tell } from "./news.js";

/** How many choices a question of this form has. */
const choices = 3;

/** A form to write a quiz for a course. */
export function writeQuiz(hub: Campus, person: Person, course: Course): HTMLElement {
  const questions = h("div");
  const more = (): void => questions.append(question(questions.childElementCount));
  const form = h(
    "form",
    { class: "card" },
    h("h2", {}, "New quiz"),
    h("label", {}, "Title", h("input", { name: "title", required: true, maxlength: 200 })),
    questions,
    h("div", { class: "row" }, h("button", { type: "button", class: "plain", onclick: more }, "Another question"), h("button", { type: "submit" }, "Add the quiz")),
  );
  more();
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void add(hub, person, course, new FormData(form), questions.childElementCount).then((done) => {
      if (!done) return;
      form.reset();
      put(questions);
      more();
    });
  });
  return form;
}

function question(number: number): HTMLElement {
  return h(
    "fieldset",
    {},
    h("legend", {}, `Question ${number + 1}`),
    h("label", {}, "What is asked", h("input", { name: `prompt${number}`, required: true, maxlength: 2000 })),
    ...Array.from({ length: choices }, (_, i) =>
      h(
        "label",
        { class: "choice" },
        h("input", { type: "radio", name: `right${number}`, value: i, required: true, "aria-label": `Choice ${i + 1} is right` }),
        h("input", { name: `choice${number}`, required: true, "aria-label": `Choice ${i + 1}`, placeholder: `Choice ${i + 1}` }),
      ),
    ),
  );
}

async function add(hub: Campus, person: Person, course: Course, given: FormData, count: number): Promise<boolean> {
  const title = String(given.get("title"));
  try {
    await hub.calls.quiz.createQuiz({
      courseId: course.id,
      title,
      difficulty: Difficulty.MEDIUM,
      passScore: 0.5,
      createdBy: person.id,
      questions: Array.from({ length: count }, (_, n) => ({
        prompt: String(given.get(`prompt${n}`)),
        choices: given.getAll(`choice${n}`).map(String),
        correctChoice: Number(given.get(`right${n}`)),
      })),
    });
    tell(title, `was added to ${course.title}.`, "good");
    return true;
  } catch (thrown) {
    explain("The quiz was not added", thrown);
    return false;
  }
}
