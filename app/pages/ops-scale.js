// Where things stand in a chart, and which numbers stand beside it.

const STEPS = [1, 2, 2.5, 5, 10];
const SECONDS = [5, 10, 15, 30, 60, 120, 300];
const GAP_PIXELS = { minutes: 42, seconds: 64 }; // Between the middles of two labels.

/** Round numbers from 0 to at least `top`, three or four of them; the last is where the axis ends. */
export function valueTicks(top, { whole = false } = {}) {
  const rough = top / 3;
  const power = 10 ** Math.floor(Math.log10(rough));
  const found = STEPS.map((step) => step * power).find((step) => step >= rough * 0.999);
  const step = whole ? Math.max(1, Math.ceil(found)) : found;
  const count = Math.ceil((top / step) * 0.999);
  return Array.from({ length: count + 1 }, (_, at) => at * step);
}

/** Moments within a span that are round on the clock, far enough from each other to be read. */
export function timeTicks({ from, to, pixels }) {
  const isRoomy = (step) => (step / (to - from)) * pixels >= (step % 60 ? GAP_PIXELS.seconds : GAP_PIXELS.minutes);
  const step = SECONDS.find(isRoomy) ?? SECONDS.at(-1);
  const ticks = [];
  for (let at = Math.ceil(from / step) * step; at <= to; at += step) ticks.push(at);
  return ticks;
}

/** The runs of rows that follow each other; a pause between two is no line. */
export function runsOf(rows, { gap = 3.5 } = {}) {
  const runs = [];
  let before = null;
  for (const row of rows) {
    if (before === null || row.at - before > gap) runs.push([]);
    runs.at(-1).push(row);
    before = row.at;
  }
  return runs;
}
