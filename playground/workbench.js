/** The workbench: a transformation as text and as controls, and its picture. */

import { address, element, entitle, made } from "./elements.js";
import { Controls } from "./controls.js";
import { signature } from "./server.js";
import { byQuery, bytes, pixels, readQuery, writeQuery } from "./spelling.js";

const GOOD_WIDTH = 640;
const TYPING_MILLISECONDS = 350;
const ACCEPT = "image/avif,image/webp,image/*,*/*;q=0.8"; // what browsers send for a picture; fetch sends */*

export class Workbench {
  constructor({ operations, presets }) {
    this.element = made("workbench");
    this.query = this.find("#query");
    this.image = this.find(".stage img");
    this.controls = new Controls(operations, (name, aliases, value) => this.set(name, aliases, value));
    this.find(".operations").append(...this.controls.elements);
    this.find(".presets").append(...presets.map((name) => this.preset(name)));
    this.element.addEventListener("input", () => (this.touched = true));
    this.query.addEventListener("input", () => this.asked(TYPING_MILLISECONDS));
    this.find("form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.asked(0);
    });
  }

  find(selector) {
    return this.element.querySelector(selector);
  }

  /** The original whose transformation a person has opened or changed; none before. */
  get edited() {
    return this.touched ? this.original : null;
  }

  /** Start with an original, and with the preset that fits the stage best. */
  begin(original) {
    this.begun = true;
    const away = ({ width }) => Math.abs(width - GOOD_WIDTH);
    const ready = original.details.pictures.filter(({ preset }) => preset).sort((a, b) => away(a) - away(b));
    this.query.value = ready[0]?.preset ?? "";
    this.at(original);
  }

  preset(name) {
    const button = element("button", { type: "button", value: name }, name);
    button.addEventListener("click", () => {
      this.touched = true;
      this.query.value = button.ariaPressed === "true" ? "" : writeQuery([["preset", name]]);
      this.asked(0);
    });
    return button;
  }

  toggle(original) {
    this.begun = this.touched = true;
    if (this.original === original) return this.leave(original);
    this.at(original);
    history.replaceState(null, "", `#${encodeURIComponent(original.key)}`);
    this.query.focus({ preventScroll: true });
    original.element.scrollIntoView({ block: "nearest" });
  }

  leave(original) {
    if (this.original !== original) return;
    this.expanded(false);
    this.original = null;
    this.element.remove();
    history.replaceState(null, "", location.pathname);
  }

  /** An original was overwritten, and its presets are rendered. */
  renewed(original) {
    if (this.original === original) this.asked(0);
  }

  at(original) {
    this.expanded(false);
    this.original = original;
    original.find(".bench").append(this.element);
    this.expanded(true);
    this.image.hidden = true;
    this.asked(0);
  }

  expanded(open) {
    const button = this.original?.find(".try");
    if (!button) return;
    button.ariaExpanded = String(open);
    entitle(button, open ? "Close" : "Try", this.original.key);
  }

  /** Set one parameter in the text; an empty value removes it. */
  set(name, aliases, value) {
    const others = readQuery(this.query.value).filter(([given]) => given !== name && !aliases.includes(given));
    const place = readQuery(this.query.value).findIndex(([given]) => given === name || aliases.includes(given));
    if (value !== "") others.splice(place < 0 ? others.length : place, 0, [name, value]);
    this.query.value = writeQuery(others);
    this.asked(TYPING_MILLISECONDS);
  }

  /** The text has changed: update the controls, and request the picture after a pause in typing. */
  asked(milliseconds) {
    const pairs = readQuery(this.query.value);
    const preset = pairs.findLast(([name]) => name === "preset")?.[1];
    for (const button of this.find(".presets").children) button.ariaPressed = String(button.value === preset);
    this.controls.follow(pairs);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(writeQuery(pairs)), milliseconds);
  }

  async ask(query) {
    this.asking?.abort();
    this.asking = new AbortController();
    const { signal } = this.asking;
    const { original } = this;
    if (!original) return;
    this.busy(true);
    try {
      const url = byQuery(original.key, query, await signature(original.key, query));
      signal.throwIfAborted();
      address(this.find(".url"), url);
      const found = await fetched(url, signal);
      await this.show(found, signal);
      original.load();
    } catch (error) {
      if (signal.aborted) return;
      this.mistake(error.message);
    }
    this.busy(false);
  }

  busy(busy) {
    this.find(".stage").ariaBusy = String(busy);
  }

  async show(found, signal) {
    const next = element("img", { alt: `${this.original.key} with ${this.query.value || "no parameters"}` });
    next.src = URL.createObjectURL(found.blob);
    await next.decode().catch(() => {
      throw new Error(`this browser cannot show ${found.blob.type}; the URL is correct`);
    });
    signal.throwIfAborted();
    URL.revokeObjectURL(this.image.src);
    this.image.replaceWith(next);
    this.image = next;
    this.mistake("");
    this.facts({ ...found, width: next.naturalWidth, height: next.naturalHeight });
  }

  facts({ blob, headers, milliseconds, width, height }) {
    const share = Math.round((100 * blob.size) / this.original.length) || "below 1";
    const cache = headers.get("X-Cache") ?? "from S3";
    const facts = [
      ["Size", pixels(width, height)],
      ["Format", blob.type.replace("image/", "").replace("jpeg", "jpg")],
      ["Bytes", bytes(blob.size), `${share} % of the original`],
      ["Cache", cache, { HIT: "read from S3", MISS: "rendered now" }[cache] ?? ""],
      ["Time", `${Math.round(milliseconds)} ms`, stages(headers.get("Server-Timing"))],
    ];
    this.find(".facts").replaceChildren(...facts.map(([name, value, more = ""]) => fact(name, value, more)));
    this.find(".facts").dataset.cache = cache;
  }

  mistake(sentence) {
    const place = this.find(".mistake");
    place.hidden = !sentence;
    place.textContent = sentence && `${sentence[0].toUpperCase()}${sentence.slice(1)}.`;
    this.query.ariaInvalid = String(Boolean(sentence));
    this.find(".stage").classList.toggle("stale", Boolean(sentence));
    if (sentence) this.find(".facts").replaceChildren();
  }
}

async function fetched(url, signal) {
  const start = performance.now();
  const response = await fetch(url, { headers: { Accept: ACCEPT }, cache: "no-store", signal });
  if (!response.ok) throw new Error((await response.json()).error);
  const blob = await response.blob();
  return { blob, headers: response.headers, milliseconds: performance.now() - start };
}

/** "fetch;dur=3.1, render;dur=40.2" as "fetch 3, render 40". */
function stages(timing) {
  return (timing ?? "").replace(/([\w-]+);dur=([\d.]+)/g, (_, stage, duration) => `${stage} ${Math.round(duration)}`);
}

function fact(name, value, more) {
  return element("div", {}, element("dt", {}, name), element("dd", {}, value, element("small", {}, more)));
}
