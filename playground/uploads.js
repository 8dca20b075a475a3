/** The drop zone: files go directly to S3, by URLs that the server signs, as in production. */

import { element, get, made, pause } from "./elements.js";
import * as server from "./server.js";

const AT_ONCE = 3;
const CHECK_MILLISECONDS = 500;
const SHOWN_MILLISECONDS = 4000;

/** Take dropped and chosen files. `stored` is called each time that a file is in the bucket. */
export function acceptUploads(stored) {
  const uploads = new Uploads(stored);
  const chooser = get("files");
  chooser.addEventListener("change", () => {
    uploads.take([...chooser.files].map((file) => ({ file, key: inFolder(file.webkitRelativePath || file.name) })));
    chooser.value = "";
  });
  acceptDrops((dropped) => uploads.take(dropped.map(({ file, path }) => ({ file, key: inFolder(path) }))));
  return uploads;
}

function acceptDrops(take) {
  let depth = 0;
  const over = (change) => {
    depth = Math.max(0, depth + change);
    document.body.classList.toggle("dragging", depth > 0);
  };
  const withFiles = (act) => (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    act(event);
  };
  addEventListener("dragenter", withFiles(() => over(1)));
  addEventListener("dragleave", withFiles(() => over(-1)));
  addEventListener("dragover", withFiles(() => {}));
  addEventListener("drop", withFiles(async ({ dataTransfer }) => {
    over(-depth);
    take(await dropped(dataTransfer));
  }));
}

/** All dropped files. Those of dropped folders have their path. */
async function dropped({ items }) {
  // Entries and files must be taken before the first await: the browser empties the list after it.
  const taken = [...items].filter((item) => item.kind === "file");
  const found = taken.map((item) => [item.webkitGetAsEntry?.(), item.getAsFile()]);
  const lists = await Promise.all(
    found.map(([entry, file]) => (entry?.isDirectory ? within(entry) : [{ file, path: file.name }])),
  );
  return lists.flat();
}

async function within(entry) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    return file.name.startsWith(".") ? [] : [{ file, path: entry.fullPath.slice(1) }];
  }
  const reader = entry.createReader();
  const entries = [];
  for (let some; (some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject))).length; )
    entries.push(...some);
  return (await Promise.all(entries.map(within))).flat();
}

function inFolder(name) {
  const folder = get("folder").value.trim().replace(/^\/+|\/+$/g, "");
  return folder ? `${folder}/${name}` : name;
}

class Uploads {
  constructor(stored) {
    this.stored = stored;
    this.waiting = [];
    this.running = 0;
    this.done = 0;
    this.all = 0;
  }

  take(files) {
    for (const line of get("uploads").querySelectorAll(".failed")) line.remove();
    this.waiting.push(...files.map(({ file, key }) => ({ file, key, line: lineFor(key) })));
    this.all += files.length;
    while (this.running < AT_ONCE && this.waiting.length) this.work();
  }

  /** Let the user choose a file, and upload it in place of an original. */
  replace(key) {
    const chooser = element("input", { type: "file", accept: "image/*,.heic,.svg" });
    chooser.addEventListener("change", () => this.take([{ file: chooser.files[0], key }]));
    chooser.click();
  }

  async work() {
    this.running += 1;
    for (let next; (next = this.waiting.shift()); this.done += 1) {
      this.describe();
      await this.upload(next);
    }
    this.running -= 1;
    if (!this.running) this.done = this.all = 0;
    this.describe();
  }

  describe() {
    get("uploading").textContent = this.all > 1 ? `Uploading: ${this.done} of ${this.all} done` : "";
  }

  async upload({ file, key, line }) {
    const state = (sentence) => (line.querySelector(".state").textContent = sentence);
    const progress = line.querySelector("progress");
    state("Sending");
    try {
      const { url, headers } = await server.uploadUrl(key, file.type);
      await put(url, headers, file, (share) => (progress.value = share));
      progress.removeAttribute("value");
      state("Rendering its presets…");
      this.stored();
      this.follow(key, line, state);
    } catch (error) {
      line.classList.add("failed");
      progress.remove();
      state(error.message);
    }
  }

  /** Wait for the manifest, which is written last. */
  async follow(key, line, state) {
    let details;
    while (!details?.manifest) {
      await pause(CHECK_MILLISECONDS);
      details = await server.original(key).catch((error) => (error.status === 404 ? { manifest: {} } : null));
    }
    this.stored();
    line.querySelector("progress").remove();
    const refused = details.manifest.refused?.reason;
    line.classList.add(refused ? "failed" : "done");
    state(refused ? `Refused: ${refused}.` : "All presets are rendered");
    await pause(refused ? 3 * SHOWN_MILLISECONDS : SHOWN_MILLISECONDS);
    line.remove();
  }
}

function lineFor(key) {
  const line = made("upload");
  line.querySelector(".name").textContent = key;
  line.querySelector("progress").ariaLabel = `Upload of ${key}`;
  line.querySelector(".state").textContent = "Waiting";
  get("uploads").append(line);
  return line;
}

/** PUT a file. `progress` is called with the share that is sent: by XMLHttpRequest, since fetch does not report it. */
function put(url, headers, file, progress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("PUT", url);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", ({ loaded, total }) => progress(loaded / total));
    request.addEventListener("load", () =>
      request.status < 300 ? resolve() : reject(new Error(`S3 answered ${request.status}; nothing was stored.`)),
    );
    request.addEventListener("error", () => reject(new Error("The file could not be sent to S3.")));
    request.send(file);
  });
}
