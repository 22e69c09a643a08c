/** What an element can be given: attributes, and listeners whose names begin with "on". */
type Given = { readonly [name: string]: string | number | boolean | ((event: Event) => void) | undefined };

/** A child of an element. Nothing is shown for undefined and false. */
export type Child = Node | string | number | bigint | false | undefined;

/** Makes an element. Texts are never read as HTML. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  given: Given = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (typeof value === "boolean") element.toggleAttribute(name, value);
    else if (value !== undefined) element.setAttribute(name, String(value));
  }
  put(element, ...children);
  return element;
}

/**
 * Replaces what is in an element, unless it is the same. The focus stays where it was, when there is an element with the
 * same data-key again.
 */
export function put(element: Element, ...children: readonly Child[]): void {
  const nodes = children.filter((c) => c !== undefined && c !== false).map((c) => (c instanceof Node ? c : document.createTextNode(String(c))));
  if (nodes.length === element.childNodes.length && nodes.every((node, i) => same(node, element.childNodes[i]))) return;
  const focused = element.contains(document.activeElement) ? document.activeElement?.getAttribute("data-key") : undefined;
  element.replaceChildren(...nodes);
  if (typeof focused !== "string") return;
  element.querySelector<HTMLElement>(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}

/** Whether a person cannot tell the two apart. */
function same(a: Node, b: Node | undefined): boolean {
  return a === b || a.isEqualNode(b ?? null);
}

/** Returns the element with an id of index.html. */
export function part(id: string): HTMLElement {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`index.html has no element ${id}`);
  return element;
}

/** "1 quiz", "2 quizzes". */
export function counted(n: number | bigint, one: string, many = `${one}s`): string {
  return `${n} ${Number(n) === 1 ? one : many}`;
}

/** "Ada, Ben and Tess". */
export function listed(names: readonly string[]): string {
  return new Intl.ListFormat("en-GB", { type: "conjunction" }).format(names);
}
