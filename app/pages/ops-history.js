// What the server has told of the last five minutes: samples of each process and of all, jobs, slow statements.

const KEPT_SECONDS = 300;
const MOST_STATEMENTS = 50; // Of a process: as many as it keeps itself.
const AGAIN_SECONDS = 4; // A process that was late may tell of a second after the others have.

/** All processes together. */
export const ALL = "all";

export class History {
  #samples = new Map();
  #statements = new Map();
  jobs = [];
  processes = [];
  health = null;
  latestJobs = null;
  now = 0;

  /** From when on the server is to tell more; 0 for all it has. */
  get since() {
    const newest = this.samples(ALL).at(-1);
    return newest ? newest.at - AGAIN_SECONDS : 0;
  }

  /** Takes an answer of the server in. */
  take({ now, health, jobs, processes, together, slowStatements }) {
    Object.assign(this, { now, health, processes, latestJobs: jobs });
    this.#add(ALL, together);
    for (const process of processes) this.#add(process.number, process.samples);
    for (const process of processes) this.#note(process, slowStatements);
    if (jobs) this.jobs = kept([...this.jobs, row(now, jobs)]);
  }

  /** The samples of a process, or of all. */
  samples(process) {
    return this.#samples.get(process) ?? [];
  }

  /** The slow statements of a process, or of all: one of each text. Those with something wrong come first, then the slowest. */
  statements(process) {
    const byText = new Map();
    const told = [...this.#statements].filter(([number]) => process === ALL || number === process);
    for (const slow of told.flatMap(([, { slow }]) => [...slow.values()])) {
      const before = byText.get(slow.id);
      byText.set(slow.id, before ? both(before, slow) : slow);
    }
    return [...byText.values()].sort((one, other) => isWrong(other) - isWrong(one) || other.maxSeconds - one.maxSeconds);
  }

  /** Keeps the latest statements of a process as it is now: one that began anew has forgotten those from before. */
  #note({ number, startedAt }, slowStatements) {
    const before = this.#statements.get(number);
    const known = before?.startedAt === startedAt ? before.slow : new Map();
    for (const slow of slowStatements) if (slow.process === number) known.set(slow.id, slow);
    const latest = [...known].sort(([, one], [, other]) => other.lastAt - one.lastAt).slice(0, MOST_STATEMENTS);
    this.#statements.set(number, { startedAt, slow: new Map(latest) });
  }

  #add(process, samples) {
    const known = new Map(this.samples(process).map((sample) => [sample.at, sample]));
    for (const sample of samples) known.set(sample.at, sample);
    this.#samples.set(process, kept([...known.values()].sort((one, other) => one.at - other.at)));
  }
}

function kept(rows) {
  const oldest = (rows.at(-1)?.at ?? 0) - KEPT_SECONDS - 2;
  return rows.filter((each) => each.at >= oldest);
}

/** How jobs stand at a moment, of all kinds together. */
function row(at, { kinds, workers, oldestWaitingSeconds }) {
  const sum = (name) => kinds.reduce((total, kind) => total + kind[name], 0);
  return { at, queued: sum("queued"), running: sum("running"), failed: sum("failed"), workers, oldestWaitingSeconds };
}

/** Whether its plan, or its end, says that something is wrong with a statement. */
function isWrong({ warnings, cutOff }) {
  return Number(cutOff > 0 || warnings?.length > 0);
}

/** A statement that two processes know. */
function both(one, other) {
  const last = one.lastAt >= other.lastAt ? one : other;
  return {
    ...last,
    count: one.count + other.count,
    cutOff: one.cutOff + other.cutOff,
    maxSeconds: Math.max(one.maxSeconds, other.maxSeconds),
    warnings: last.warnings ?? one.warnings ?? other.warnings,
  };
}
