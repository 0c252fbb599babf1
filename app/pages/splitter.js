// The bars between panes: dragged with the pointer or moved with the arrow keys; a double click restores the default.

import { keep, recall } from "./storage.js";

const STEP = 24;

/** Lets `separator` set the size of `pane` through a CSS variable on `root`; `grows` is +1 when dragging right or down enlarges. */
export function splitter(separator, { root, pane, variable, grows, minimum }) {
  const vertical = separator.getAttribute("aria-orientation") === "vertical";
  const measure = () => pane.getBoundingClientRect()[vertical ? "width" : "height"];
  const room = () => root.getBoundingClientRect()[vertical ? "width" : "height"];
  const announce = () => separator.setAttribute("aria-valuenow", String(Math.round((100 * measure()) / room())));

  function resize(size) {
    const bounded = Math.round(Math.max(minimum, Math.min(size, room() * 0.7)));
    root.style.setProperty(variable, `${bounded}px`);
    keep("localStorage", variable, bounded);
    announce();
  }

  separator.addEventListener("pointerdown", (down) => {
    const [from, size] = [vertical ? down.clientX : down.clientY, measure()];
    const drag = (move) => resize(size + grows * ((vertical ? move.clientX : move.clientY) - from));
    separator.setPointerCapture(down.pointerId);
    separator.addEventListener("pointermove", drag);
    separator.addEventListener("lostpointercapture", () => separator.removeEventListener("pointermove", drag), { once: true });
  });

  separator.addEventListener("keydown", (event) => {
    const back = vertical ? "ArrowLeft" : "ArrowUp";
    const forth = vertical ? "ArrowRight" : "ArrowDown";
    if (event.key !== back && event.key !== forth) return;
    event.preventDefault();
    resize(measure() + grows * (event.key === forth ? STEP : -STEP));
  });

  separator.addEventListener("dblclick", () => {
    root.style.removeProperty(variable);
    keep("localStorage", variable, null);
    announce();
  });

  const kept = recall("localStorage", variable, null);
  if (kept) resize(kept);
  announce();
}
