// Following a job to its end: by a stream of events, and by asking where streams do not come through.

import { Disconnected, Refusal } from "./imports-api.js";
import { sleep } from "./imports-wait.js";

const ASK_SECONDS = 2;
// The first event comes at once; when it does not, something on the way keeps the stream back.
const SILENCE_SECONDS = 8;
const ENDED = new Set(["COMPLETED", "COMPLETED_WITH_ERRORS", "FAILED", "CANCELLED"]);

/** Whether a job will not change any more. */
export function hasEnded(job) {
  return ENDED.has(job.status);
}

/** Tells `onJob` how a job stands, again and again up to its end, through lost connections; answers the last of it. */
export async function followJob(api, id, { onJob, signal }) {
  let job = null;
  let streams = true;
  const take = (news) => onJob((job = news));
  for (;;) {
    if (streams) streams = await listen(api, id, { onJob: take, signal });
    if (job && hasEnded(job)) return job;
    await sleep(ASK_SECONDS, signal);
    take(await ask(api, id, { job, signal }));
  }
}

/** Follows the stream until it ends or is silent; answers whether anything came. */
async function listen(api, id, { onJob, signal }) {
  const silent = new AbortController();
  let timer = setTimeout(() => silent.abort(), SILENCE_SECONDS * 1000);
  let told = false;
  const take = (job) => {
    clearTimeout(timer);
    timer = setTimeout(() => silent.abort(), SILENCE_SECONDS * 1000);
    told = true;
    onJob(job);
  };
  try {
    await api.follow(id, { onJob: take, signal: AbortSignal.any([signal, silent.signal]) });
  } catch (failure) {
    signal.throwIfAborted();
    if (failure instanceof Disconnected) return true;
    if (!silent.signal.aborted && !isPassing(failure)) throw failure;
  } finally {
    clearTimeout(timer);
  }
  return told;
}

/** How the job stands; as it was, while the server is away. */
async function ask(api, id, { job, signal }) {
  try {
    const found = await api.job(id, signal);
    if (!found) throw new Refusal("There is no such import any more, or it is somebody else’s.");
    return found;
  } catch (failure) {
    if (job && (failure instanceof Disconnected || isPassing(failure))) return job;
    throw failure;
  }
}

function isPassing(failure) {
  return failure instanceof Refusal && (failure.status >= 500 || failure.code === "SERVICE_UNAVAILABLE");
}
