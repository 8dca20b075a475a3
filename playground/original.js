/** One original: its properties, and the pictures made from it. */

import { address, element, entitle, made, released, say } from "./elements.js";
import * as server from "./server.js";
import { byName, byQuery, bytes, pixels } from "./spelling.js";

const SURE_MILLISECONDS = 4000;

export class Original {
  constructor(key, workbench, uploads) {
    Object.assign(this, { key, workbench });
    this.element = made("original");
    this.element.original = this;
    this.visible = false;
    const slash = key.lastIndexOf("/") + 1;
    this.find("h3").append(element("span", { className: "folder" }, key.slice(0, slash)), key.slice(slash));
    this.find(".try").addEventListener("click", () => workbench.toggle(this));
    this.find(".replace").addEventListener("click", () => uploads.replace(key));
    this.find(".remove").addEventListener("click", ({ currentTarget }) => this.remove(currentTarget));
    for (const button of this.element.querySelectorAll(".actions button")) entitle(button, button.textContent, key);
    this.figures = new Map();
  }

  find(selector) {
    return this.element.querySelector(selector);
  }

  /** Update from the bucket's listing. */
  is({ etag, length }) {
    if (etag === this.etag) return;
    Object.assign(this, { etag, length, details: null });
    if (this.visible) this.load();
  }

  seen(visible) {
    this.visible = visible;
    if (visible && !this.details) this.load();
  }

  /** Whether to load it again: it is visible, and its presets are not rendered yet. */
  get pending() {
    return this.visible && !this.details?.manifest;
  }

  async load() {
    const details = await server.original(this.key).catch(() => null);
    await released();
    if (!details || (details.manifest && this.shownAs === JSON.stringify(details))) return;
    this.shownAs = JSON.stringify(details);
    Object.assign(this, { details, etag: details.etag, length: details.length });
    this.show(details);
    if (!details.manifest) return;
    if (this.renderedEtag && this.renderedEtag !== this.etag) this.workbench.renewed(this);
    this.renderedEtag = this.etag;
  }

  /** Show that the original was removed elsewhere, while a person edits its transformation. */
  async checkPresence() {
    const { originals } = await server.listing(this.key, 1000).catch(() => ({ originals: [this] }));
    if (originals.some(({ key }) => key === this.key)) return;
    Object.assign(this, { details: null, shownAs: null }); // it is loaded again if it comes back
    this.find(".refused").hidden = false;
    this.find(".refused").textContent = "This original was removed from the bucket.";
  }

  /** Whether pictures can be made from it. */
  get usable() {
    return Boolean(this.details?.manifest && !this.details.manifest.refused.reason);
  }

  show({ length, manifest, pictures }) {
    const refused = manifest?.refused.reason;
    this.element.classList.add("loaded");
    this.find(".pending").hidden = Boolean(manifest);
    this.find(".refused").hidden = !refused;
    this.find(".refused").textContent = refused ? `Refused (${manifest.refused.status}): ${refused}.` : "";
    this.find(".summary").textContent = known(length, refused ? null : manifest);
    this.find(".try").hidden = Boolean(refused);
    this.find(".colours").replaceChildren(...(manifest?.colours ?? []).map(swatch));
    // A figure that is still correct stays, with its loaded picture.
    const before = this.figures;
    this.figures = new Map(pictures.map((picture) => [JSON.stringify([this.etag, picture]), picture]));
    for (const [text, picture] of this.figures)
      this.figures.set(text, before.get(text) ?? this.picture(picture, manifest));
    this.find(".pictures").replaceChildren(...this.figures.values());
  }

  picture({ preset, text, width, height, signature, files }, { placeholder }) {
    const figure = made("picture");
    const image = figure.querySelector("img");
    const name = preset ? preset.replace("preset=", "").replace("&w=", " ") : "on demand";
    figure.classList.toggle("asked", !preset);
    figure.querySelector(".label").textContent = name;
    const size = (across, down) => (figure.querySelector(".pixels").textContent = pixels(across, down));
    if (width) size(width, height);
    image.alt = `${this.key}, ${preset ? name : text}`;
    if (placeholder) image.style.backgroundImage = `url("${placeholder}")`;
    shape(image, width, height);
    image.addEventListener("load", () => {
      image.style.backgroundImage = "";
      image.classList.add("loaded");
      if (!width) size(image.naturalWidth, image.naturalHeight);
      if (!width) shape(image, image.naturalWidth, image.naturalHeight);
    });
    const [smallest] = [...files].sort((one, other) => one.length - other.length);
    // ixlib does not change a picture. Here it has the ETag, so that the browser does not show an older one it cached.
    image.src = this.url(smallest, `ixlib=playground-${this.etag}`);
    figure.querySelector(".frame").href = this.url(smallest);
    const [url, short] = preset
      ? [byQuery(this.key, preset, signature), preset]
      : [this.url(files[0]), files[0].name];
    address(figure.querySelector(".address"), url, short);
    figure.querySelector(".files").append(...files.map((file) => this.file(file)));
    return figure;
  }

  file(file) {
    const link = element("a", { href: this.url(file), target: "_blank" }, file.format);
    return element("span", {}, link, ` ${bytes(file.length)}`);
  }

  url({ name, signature }, ...said) {
    return byName(this.key, name, ...said, signature);
  }

  async remove(button) {
    if (!button.classList.contains("sure")) return doubleCheck(button, this.key);
    button.disabled = true;
    try {
      await server.remove(this.key);
      this.removed = true;
      say(`${this.key} was removed`);
      this.element.classList.add("going");
    } catch (error) {
      button.disabled = false;
      say(error.message);
    }
  }
}

function doubleCheck(button, key) {
  button.classList.add("sure");
  entitle(button, "Really remove?", key);
  setTimeout(() => {
    button.classList.remove("sure");
    entitle(button, "Remove", key);
  }, SURE_MILLISECONDS);
}

function known(length, manifest) {
  if (!manifest) return bytes(length);
  const { format, width, height, frames } = manifest;
  const moving = frames > 1 ? [`${frames} frames`] : [];
  return [format.toUpperCase(), pixels(width, height), bytes(length), ...moving].join("  ·  ");
}

function shape(image, width, height) {
  if (!width) return;
  image.style.setProperty("--width", `${width}px`);
  image.style.setProperty("--ratio", width / height);
}

function swatch(colour) {
  const dot = element("li", { title: `#${colour}` }, element("span", { className: "unseen" }, `#${colour}`));
  dot.style.backgroundColor = `#${colour}`;
  return dot;
}
