// sharp as a contender: a pipeline for each picture, all at once. `node sharp.mjs FOLDER TASK`; FOLDER has node_modules.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";

const [folder, text] = process.argv.slice(2);
const sharp = createRequire(join(folder, "package.json"))("sharp");
const versions = `node ${process.versions.node}, sharp ${sharp.versions.sharp}, libvips ${sharp.versions.vips}`;
const say = (words) => process.stdout.write(JSON.stringify(words) + "\n");

// The encoder settings of chalicelib/rendering/encoding.py; the others are sharp's defaults.
const encoders = {
  jpg: (image, quality) => image.jpeg({ quality }),
  webp: (image, quality) => image.webp({ quality, effort: 4 }),
  avif: (image, quality) => image.avif({ quality, effort: 2, chromaSubsampling: "4:2:0" }),
  png: (image) => image.png({ compressionLevel: 6, adaptiveFiltering: true }),
  gif: (image) => image.gif({ effort: 4, interFrameMaxError: 3 }),
};

function made(original, { width, height, crop, format, quality }) {
  const animated = ["gif", "webp"].includes(format);
  const options = { fit: crop ? "cover" : "inside", position: crop || "centre", withoutEnlargement: !crop };
  const image = sharp(original, { animated }).autoOrient().resize(width, height, options);
  return encoders[format](image, quality).toBuffer();
}

async function compete({ original, pictures, kept }) {
  const bytes = readFileSync(original);
  const work = () => Promise.all(pictures.map((picture) => made(bytes, picture)));
  let bodies = await work();
  say({ versions });
  for await (const _ of createInterface({ input: process.stdin })) {
    const start = performance.now();
    bodies = await work();
    const seconds = (performance.now() - start) / 1000;
    say({ seconds, peak: process.resourceUsage().maxRSS * 1024 });
  }
  bodies.forEach((body, index) => writeFileSync(join(kept, pictures[index].name), body));
}

if (text) await compete(JSON.parse(text));
else say({ versions });
