// Uploads a file with tus-js-client, breaks it off some times, and prints where it is.
// Usage: node upload.js ENDPOINT AUTHORIZATION FILE ABORTS METADATA
import { createReadStream, statSync } from "node:fs";
import * as tus from "tus-js-client";

const [endpoint, authorization, path, aborts, metadata] = process.argv.slice(2);
const size = statSync(path).size;
const chunkSize = Math.ceil(size / 3);
let aborted = 0;

// A part of each piece goes out before it is broken off.
function isDue(sent) {
  return aborted < Number(aborts) && sent > (size * (aborted + 1)) / (Number(aborts) + 1);
}

const upload = new tus.Upload(createReadStream(path), {
  endpoint,
  chunkSize,
  uploadSize: size,
  headers: { Authorization: authorization },
  metadata: JSON.parse(metadata),
  retryDelays: [0, 100, 200, 400, 800],
  onProgress: (sent) => {
    if (!isDue(sent)) return;
    aborted += 1;
    upload.abort().then(() => upload.start());
  },
  onSuccess: () => console.log(JSON.stringify({ url: upload.url, aborts: aborted })),
  onError: (error) => {
    console.error(error.message);
    process.exitCode = 1;
  },
});

upload.start();
