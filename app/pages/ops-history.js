// What the server has told of the last five minutes: samples of each process and of all, jobs, slow statements.

const KEPT_SECONDS = 300;
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
    for (const slow of slowStatements) this.#statements.set(`${slow.process}/${slow.id}`, slow);
    if (jobs) this.jobs = kept([...this.jobs, row(now, jobs)]);
  }

  /** The samples of a process, or of all. */
  samples(process) {
    return this.#samples.get(process) ?? [];
  }

  /** The slow statements of a process, or of all: one of each text. Those with something wrong come first, then the slowest. */
  statements(process) {
    const byText = new Map();
    for (const slow of this.#statements.values()) {
      if (process !== ALL && slow.process !== process) continue;
      const before = byText.get(slow.id);
      byText.set(slow.id, before ? both(before, slow) : slow);
    }
    return [...byText.values()].sort((one, other) => isWrong(other) - isWrong(one) || other.maxSeconds - one.maxSeconds);
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
