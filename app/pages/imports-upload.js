// A resumable upload by tus 1.0: the server tells how much of the file it has, and is sent the rest piece by piece.

import { Disconnected, Refusal } from "./imports-api.js";
import { sleep } from "./imports-wait.js";
import { keep, recall } from "./storage.js";

const TUS = { "tus-resumable": "1.0.0" };
const KEPT = "uploads";
const KEPT_LIMIT = 20;
const LONGEST_WAIT_SECONDS = 15;
// Answers after which the server is asked again how much it has; others stay as they are.
const PASSING = new Set([408, 409, 423, 429, 460, 500, 502, 503, 504]);
const GONE = new Set([404, 410]);

/** A file on its way; `onProgress` is told the bytes that are sent, `onWait` when the way is broken. */
export class Upload {
  constructor({ file, kind, api, onProgress, onWait }) {
    Object.assign(this, { file, kind, api, onProgress, onWait });
    this.abort = null;
  }

  /** Sends what is missing; answers the id of the upload. Stopped by `pause`, it goes on when it is called again. */
  async run() {
    this.abort = new AbortController();
    for (let failures = 0; ; failures += 1) {
      try {
        const place = await this.#place();
        await this.#sendRest(place, () => (failures = 0));
        keepPlace(this.#name, { ...place, isWhole: true });
        return place.id;
      } catch (failure) {
        if (!isPassing(failure)) throw failure;
        await this.#wait(failure, failures);
      }
    }
  }

  /** Stops the sending; `run` throws an AbortError. */
  pause() {
    this.abort?.abort();
  }

  get #name() {
    const { name, size, lastModified } = this.file;
    return `${this.kind}/${name}/${size}/${lastModified}`;
  }

  /** Where the file goes and how much is there; a place of an earlier visit is used while it lasts. */
  async #place() {
    const kept = recall("localStorage", KEPT, {})[this.#name];
    if (kept) {
      const offset = await this.#offsetAt(kept.url);
      if (offset !== null) return { ...kept, offset };
    }
    const { name: filename, type: mediaType, size } = this.file;
    const made = await this.api.createUpload({
      kind: this.kind,
      filename,
      mediaType: mediaType || "text/csv",
      totalBytes: String(size),
    });
    keepPlace(this.#name, { ...made, filename });
    return { ...made, offset: 0 };
  }

  async #offsetAt(url) {
    const answer = await this.#request("HEAD", url);
    if (GONE.has(answer.status)) return null;
    return offsetOf(answer);
  }

  async #sendRest({ url, chunkBytes, offset }, onSent) {
    let at = offset;
    this.onProgress(at);
    while (at < this.file.size) {
      const piece = this.file.slice(at, at + chunkBytes);
      at = offsetOf(await this.#request("PATCH", url, { offset: at, piece }));
      this.onProgress(at);
      onSent();
    }
  }

  #request(method, url, sent = {}) {
    return this.api.session.answer(() => this.#exchange(method, url, sent));
  }

  /** One request; by XMLHttpRequest, because `fetch` does not tell how much of a body is sent. */
  #exchange(method, url, { offset, piece }) {
    const { signal } = this.abort;
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      const stop = () => request.abort();
      request.open(method, url);
      const body = piece ? { "upload-offset": offset, "content-type": "application/offset+octet-stream" } : {};
      for (const [name, value] of Object.entries({ ...TUS, ...this.api.headers, ...body })) request.setRequestHeader(name, value);
      if (piece) request.upload.addEventListener("progress", ({ loaded }) => this.onProgress(offset + Math.min(loaded, piece.size)));
      request.addEventListener("load", () => resolve(request));
      request.addEventListener("error", () => reject(new Disconnected()));
      request.addEventListener("abort", () => reject(signal.reason));
      request.addEventListener("loadend", () => signal.removeEventListener("abort", stop));
      signal.throwIfAborted();
      signal.addEventListener("abort", stop);
      request.send(piece);
    });
  }

  /** Waits longer after each failure. */
  async #wait(failure, failures) {
    const seconds = Math.min(2 ** failures, LONGEST_WAIT_SECONDS);
    this.onWait(failure, seconds);
    await sleep(seconds, this.abort.signal);
  }
}

/** The names of files whose upload was begun here and not ended. */
export function unfinishedUploads() {
  const places = Object.values(recall("localStorage", KEPT, {}));
  return places.filter(({ isWhole }) => !isWhole).map(({ filename }) => filename);
}

function keepPlace(name, place) {
  const { [name]: _, ...others } = recall("localStorage", KEPT, {});
  const newest = Object.entries({ ...others, [name]: place }).slice(-KEPT_LIMIT);
  keep("localStorage", KEPT, Object.fromEntries(newest));
}

function offsetOf(answer) {
  if (answer.status < 200 || answer.status > 299) throw refusalOf(answer);
  return Number(answer.getResponseHeader("upload-offset"));
}

function refusalOf({ status, statusText, responseText }) {
  return new Refusal(toldIn(responseText) ?? `The server answered ${status} ${statusText}`.trim(), { status });
}

/** What a problem document says. */
function toldIn(text) {
  try {
    return JSON.parse(text).detail ?? null;
  } catch {
    return null;
  }
}

function isPassing(failure) {
  return failure instanceof Disconnected || PASSING.has(failure.status);
}
