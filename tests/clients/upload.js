// Uploads a file with tus-js-client, breaks it off some times, and prints where it is.
// Usage: node upload.js ENDPOINT AUTHORIZATION FILE ABORTS METADATA
import { createReadStream, statSync } from "node:fs";
import * as tus from "tus-js-client";

const [endpoint, authorization, path, aborts, metadata] = process.argv.slice(2);
const size = statSync(path).size;
let aborted = 0;

function isDue(sent) {
  return aborted < Number(aborts) && sent < size && sent > (size * (aborted + 1)) / (Number(aborts) + 1);
}

// Each goes on with a client of its own: one that was broken off and started again would take the
// failure of its old request for one of the new, and go on twice.
function goOn(uploadUrl) {
  let isOver = false;
  const upload = new tus.Upload(createReadStream(path), {
    endpoint,
    uploadUrl,
    // So small that there is a moment to break off between any two of those that are due.
    chunkSize: Math.ceil(size / 10),
    uploadSize: size,
    headers: { Authorization: authorization },
    metadata: JSON.parse(metadata),
    retryDelays: [0, 100, 200, 400, 800],
    onProgress: (sent) => {
      if (isOver || !isDue(sent)) return;
      isOver = true;
      aborted += 1;
      // Once the request that is about to be sent can be broken off.
      setImmediate(() => upload.abort().then(() => goOn(upload.url)));
    },
    onSuccess: () => console.log(JSON.stringify({ url: upload.url, aborts: aborted })),
    onError: (error) => {
      console.error(error.message);
      process.exitCode = 1;
    },
  });
  upload.start();
}

goOn(null);
