/** The page: the newest originals, kept in step with the bucket. */

import { get, pause, released } from "./elements.js";
import { Original } from "./original.js";
import * as server from "./server.js";
import { acceptUploads } from "./uploads.js";
import { Workbench } from "./workbench.js";

const PER_PAGE = 24;
const CHECK_MILLISECONDS = 2000;
const PENDING_MILLISECONDS = 500;

const shown = new Map();
const list = get("originals");
const operations = server.operations();
let workbench;
let count = PER_PAGE;

const watch = new IntersectionObserver(
  (entries) => entries.forEach(({ target, isIntersecting }) => target.original.seen(isIntersecting)),
  { rootMargin: "600px" },
);

async function refresh() {
  workbench ??= new Workbench(await operations);
  const find = get("find").value;
  const { total, originals } = await server.listing(find, count);
  await released();
  if (find !== get("find").value) return;
  const keys = new Set(originals.map((entry) => entry.key));
  for (const [key, original] of shown) {
    if (keys.has(key)) continue;
    if (original === workbench.edited && !original.removed && key.toLowerCase().includes(find.toLowerCase()))
      original.checkPresence();
    else drop(key, original);
  }
  arrange(originals.map((entry) => take(entry)));
  describe(total, find);
}

function take(entry) {
  const original = shown.get(entry.key) ?? add(entry.key);
  original.is(entry);
  return original;
}

/** Bring the elements into this order. The original that a person edits stays: an element that moves loses the focus. */
function arrange(originals) {
  const edited = workbench.edited?.element;
  let next = list.firstElementChild;
  let passed = false;
  for (const { element } of originals) {
    if (passed && next === edited) next = edited.nextElementSibling;
    if (element === next) next = next.nextElementSibling;
    else if (element !== edited || !edited.isConnected) list.insertBefore(element, next);
    passed ||= element === edited;
  }
}

function add(key) {
  const original = new Original(key, workbench, uploads);
  shown.set(key, original);
  watch.observe(original.element);
  return original;
}

function drop(key, original) {
  shown.delete(key);
  watch.unobserve(original.element);
  workbench.leave(original);
  original.element.remove();
}

function describe(total, find) {
  get("total").textContent = total;
  get("more").hidden = total <= count;
  get("empty").hidden = total > 0;
  get("empty").textContent = find ? `No original has “${find}” in its name.` : "No originals yet: drop a picture here.";
}

/** Refresh now, or after the refresh that is running. */
let asking = Promise.resolve();
function keepInStep() {
  asking = asking.then(refresh).then(
    () => trouble(""),
    (error) => trouble(error.message),
  );
  return asking;
}

function trouble(sentence) {
  get("trouble").hidden = !sentence;
  get("trouble").textContent = sentence;
}

async function visible() {
  while (document.hidden) await new Promise((go) => document.addEventListener("visibilitychange", go, { once: true }));
}

// First of all, so that the browser does not open a file that is dropped early.
const uploads = acceptUploads(keepInStep);

get("find").addEventListener("input", keepInStep);
get("more").addEventListener("click", () => {
  count += PER_PAGE;
  keepInStep();
});

/** Open the workbench at the original that the URL names, else at the newest that is usable. */
async function begin() {
  if (workbench?.begun) return;
  for (const original of shown.values()) {
    if (!original.details) await original.load();
    if (workbench.begun) return;
    if (!original.usable || (named && shown.has(named) && original.key !== named)) continue;
    workbench.begin(original);
    return original.key === named && original.element.scrollIntoView();
  }
}

const named = new URLSearchParams(`key=${location.hash.slice(1)}`).get("key");
await keepInStep();
if (named && !shown.has(named)) {
  get("find").value = named;
  await keepInStep();
}
for (;;) {
  await begin();
  const pending = [...shown.values()].filter((original) => original.pending);
  await pause(pending.length ? PENDING_MILLISECONDS : CHECK_MILLISECONDS);
  await visible();
  await Promise.all([keepInStep(), ...pending.map((original) => original.load())]);
}
