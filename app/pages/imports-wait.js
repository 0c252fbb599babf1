// Waiting, as long as it is of use.

/** Waits, and no longer than until the network is back; throws when the signal is given. */
export function sleep(seconds, signal) {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const over = new AbortController();
    const end = (settle) => () => {
      clearTimeout(timer);
      over.abort();
      settle(signal.reason);
    };
    const timer = setTimeout(end(resolve), seconds * 1000);
    addEventListener("online", end(resolve), { signal: over.signal });
    signal.addEventListener("abort", end(reject), { signal: over.signal });
  });
}
