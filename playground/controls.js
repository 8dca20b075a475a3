/** A control for each parameter, made from the operations' declarations. */

import { element, made } from "./elements.js";

const SLIDES_UP_TO = 2000; // a wider range is too fine for a slider

export class Controls {
  /** `changed` is called with a parameter's name, its aliases and its new text; an empty text removes the parameter. */
  constructor(operations, changed) {
    this.groups = operations.map((operation) => new Group(operation, changed));
    this.elements = this.groups.map((group) => group.element);
    const size = this.groups.find((group) => group.controls.some((control) => control.name === "w"));
    size.element.open = matchMedia("(min-width: 56rem)").matches;
  }

  /** Show the values of these pairs. */
  follow(pairs) {
    for (const group of this.groups) group.follow(pairs);
  }
}

class Group {
  constructor({ name, meaning, parameters }, changed) {
    this.element = made("operation");
    this.element.querySelector(".name").textContent = name;
    this.element.querySelector(".help").textContent = meaning.split("\n\n")[0].replaceAll("\n", " ");
    this.controls = parameters.map((parameter) => new Control(parameter, changed));
    this.element.append(...this.controls.map((control) => control.element));
  }

  follow(pairs) {
    const given = this.controls.filter((control) => control.follow(pairs));
    this.element.querySelector(".given").textContent = given.map((control) => `${control.name}=${control.text}`).join(" ");
  }
}

class Control {
  constructor(parameter, changed) {
    const { name, aliases, meaning, expected, needs, control } = parameter;
    Object.assign(this, { name, aliases });
    this.element = made("parameter");
    const id = `parameter-${name}`;
    this.inputs = (MADE[control.type] ?? MADE.text)(parameter, id);
    this.element.querySelector("label").append(element("code", {}, name), ` ${meaning}`);
    this.element.querySelector("label").htmlFor = id;
    this.element.querySelector(".inputs").append(...this.inputs.elements);
    this.element.classList.toggle("wide", this.inputs.elements.length > 1);
    const help = this.element.querySelector(".help");
    help.id = `${id}-help`;
    help.textContent = `${control.options ? "" : expected}${needs && ` with ${needs}`}`.trim();
    for (const input of this.element.querySelectorAll("input, select")) {
      input.setAttribute("aria-describedby", help.id);
      input.addEventListener("input", () => changed(name, aliases, this.inputs.read(input)));
    }
  }

  /** Show the parameter's text. Returns whether the pairs have one. */
  follow(pairs) {
    const texts = pairs.filter(([name]) => name === this.name || this.aliases.includes(name)).map(([, text]) => text);
    this.text = texts.join(",");
    this.inputs.write(this.text);
    this.element.classList.toggle("set", texts.length > 0);
    return texts.length > 0;
  }
}

/** By type of control: its elements, `read` gives the text of a changed element, `write` shows a text. */
const MADE = {
  number({ control: { min, max, step }, default: value }, id) {
    const number = element("input", { type: "number", id, min, max, step, placeholder: value });
    if (max - min > SLIDES_UP_TO) return single(number);
    const slider = element("input", { type: "range", min, max, step: max - min > 10 ? 1 : 0.01, ariaLabel: id.slice(10) });
    const write = (text) => {
      setText(number, text);
      slider.value = Number.isFinite(Number(text || NaN)) ? text : value || min;
    };
    return { elements: [slider, number], read: (input) => input.value, write };
  },

  choice({ control: { options }, default: value }, id) {
    const select = element("select", { id }, element("option", { value: "" }, value ? `${value}, by default` : "—"));
    select.append(...options.filter((option) => option !== value).map((option) => element("option", {}, option)));
    return { ...single(select), write: (text) => (select.value = text === value ? "" : text) };
  },

  several({ control: { options } }, id) {
    const boxes = options.map((value, place) => element("input", { type: "checkbox", value, id: place ? "" : id }));
    const elements = boxes.map((box) => element("label", { className: "option" }, box, box.value));
    return {
      elements,
      read: () => boxes.filter((box) => box.checked).map((box) => box.value).join(","),
      write: (text) => boxes.forEach((box) => (box.checked = text.split(",").includes(box.value))),
    };
  },

  colour(_, id) {
    const text = element("input", { id, placeholder: "ffffff", spellcheck: false, size: 10 });
    const picker = element("input", { type: "color", ariaLabel: `${id.slice(10)}, picked` });
    const read = (input) => input.value.replace("#", "");
    const write = (value) => {
      setText(text, value);
      if (/^[0-9a-f]{6}$/i.test(value)) picker.value = `#${value}`;
    };
    return { elements: [picker, text], read, write };
  },

  text: ({ control: { example = "" } }, id) =>
    single(element("input", { id, placeholder: example, spellcheck: false, size: 16 })),
};

const single = (input) => ({ elements: [input], read: () => input.value, write: (text) => setText(input, text) });

/** Write a text into an input, unless it has that text: a person may be typing it. */
function setText(input, text) {
  const taken = input.type === "number" && !Number.isFinite(Number(text)) ? "" : text;
  if (input.value !== taken) input.value = taken;
}
