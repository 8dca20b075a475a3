/** Small functions for elements. */

export const get = (id) => document.getElementById(id);

/** A new element from the template of that id. */
export const made = (id) => get(id).content.firstElementChild.cloneNode(true);

/** A new element with properties and content. */
export function element(name, properties = {}, ...content) {
  const created = Object.assign(document.createElement(name), properties);
  created.append(...content);
  return created;
}

/** Set a button's text. For screen readers, its name also has the key that it acts on. */
export function entitle(button, text, key) {
  button.textContent = text;
  button.ariaLabel = `${text} ${key}`;
}

/** Announce a sentence to screen readers. */
export const say = (sentence) => (get("said").textContent = sentence);

/** Show a URL as a link, with a button that copies it. */
export function address(place, url, text = url) {
  const [link, button] = [place.querySelector("a"), place.querySelector("button")];
  Object.assign(link, { href: url, textContent: text, title: url });
  button.ariaLabel = `Copy the URL ${text}`;
  button.onclick = () => copy(url, button);
}

async function copy(text, button) {
  await navigator.clipboard.writeText(text);
  say("Copied");
  button.classList.add("done");
  setTimeout(() => button.classList.remove("done"), 1500);
}

let pressed = false;
addEventListener("pointerdown", () => (pressed = true), true);
for (const end of ["pointerup", "pointercancel", "blur", "dragend"])
  addEventListener(end, () => setTimeout(() => (pressed = false)), true); // after the click, which follows pointerup

/** Resolves when no pointer is pressed: if an element moves between press and release, the click misses it. */
export async function released() {
  while (pressed) await pause(10);
}

export const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
