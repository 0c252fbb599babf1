// The first step: which file, what its rows are, and how much of it has arrived.

import { byId } from "./dom.js";
import { bytesText, percentText } from "./imports-text.js";
import { Upload, unfinishedUploads } from "./imports-upload.js";

/** The step; `onWhole` is told `{ id, entity, filename }` of a file that is at the server, `onLeft` that it is no longer wanted. */
export class FileStep {
  constructor({ api, onWhole, onLeft, onTrouble }) {
    Object.assign(this, { api, onWhole, onLeft, onTrouble });
    this.upload = null;
    this.chooser = byId("file");
    this.drop = byId("drop");
    this.pause = byId("upload-pause");
    this.chooser.addEventListener("change", () => this.#chosen(this.chooser.files[0]));
    this.pause.addEventListener("click", () => this.#toggle());
    byId("upload-other").addEventListener("click", () => this.leave());
    this.#takeDrops();
    this.#tellUnfinished();
  }

  /** Gives the file up, so that another one can be chosen. */
  leave() {
    this.upload?.pause();
    this.upload = null;
    this.chooser.value = "";
    this.#show(false);
    this.#tellUnfinished();
    this.onLeft();
    this.chooser.focus();
  }

  get #entity() {
    return byId("entity").querySelector("input:checked").value;
  }

  #takeDrops() {
    const mark = (event) => {
      event.preventDefault();
      this.drop.classList.toggle("is-over", event.type === "dragover");
    };
    for (const type of ["dragover", "dragleave", "drop"]) this.drop.addEventListener(type, mark);
    this.drop.addEventListener("drop", ({ dataTransfer }) => this.#chosen(dataTransfer.files[0]));
  }

  #chosen(file) {
    if (!file) return;
    this.onTrouble(null);
    if (!file.size) {
      this.onTrouble(new Error(`${file.name} is empty.`));
      return;
    }
    const entity = this.#entity;
    const upload = new Upload({
      file,
      kind: entity,
      api: this.api,
      onProgress: (bytes) => this.upload === upload && this.#progressed(bytes),
      onWait: (failure, seconds) => this.upload === upload && this.#say(`${failure.message} Trying again in ${seconds} s.`),
    });
    this.upload = upload;
    byId("upload-name").textContent = file.name;
    this.#progressed(0);
    this.#show(true);
    this.#send(upload, entity);
    this.pause.focus();
  }

  async #send(upload, entity) {
    this.#sending(true);
    try {
      const id = await upload.run();
      if (this.upload !== upload) return;
      this.pause.hidden = true;
      this.#say("It has arrived.");
      this.onWhole({ id, entity, filename: upload.file.name });
    } catch (failure) {
      if (this.upload === upload) this.#stopped(failure);
    }
  }

  #stopped(failure) {
    this.#sending(false);
    if (failure.name === "AbortError") {
      this.#say("Paused.");
      return;
    }
    this.#say("Stopped.");
    this.onTrouble(failure);
  }

  #toggle() {
    if (this.isSending) this.upload.pause();
    else {
      this.onTrouble(null);
      this.#send(this.upload, this.upload.kind);
    }
  }

  #sending(isSending) {
    this.isSending = isSending;
    this.pause.hidden = false;
    this.pause.textContent = isSending ? "Pause" : "Resume";
    if (isSending) this.#say("");
  }

  #progressed(bytes) {
    const { size } = this.upload.file;
    byId("upload-bar").value = bytes / size;
    byId("upload-numbers").textContent = `${bytesText(bytes)} of ${bytesText(size)} · ${percentText(bytes / size)}`;
    if (this.isSending) this.#say("");
  }

  #say(sentence) {
    const place = byId("upload-state");
    if (place.textContent !== sentence) place.textContent = sentence;
  }

  #show(isChosen) {
    byId("upload").hidden = !isChosen;
    this.drop.hidden = isChosen;
    byId("entity").disabled = isChosen;
    byId("unfinished").hidden = true;
  }

  #tellUnfinished() {
    const names = unfinishedUploads();
    const place = byId("unfinished");
    place.hidden = !names.length;
    place.textContent = `Begun and not ended: ${names.join(", ")}. Choose it again, and it goes on where it was.`;
  }
}
