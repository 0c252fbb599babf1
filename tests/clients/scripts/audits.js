// The audits of `graphql-http`: every MUST, SHOULD and MAY of GraphQL over HTTP.
import { serverAudits } from "graphql-http";

import { authorization, run, server } from "./checks.js";

async function fetchFn(url, init = {}) {
  return fetch(url, { ...init, headers: { ...init.headers, ...authorization() } });
}

const audits = serverAudits({ url: server.http, fetchFn });

function check(audit) {
  return async () => {
    const result = await audit.fn();
    if (result.status !== "ok") throw new Error(`${result.status}: ${result.reason}`);
  };
}

await run(Object.fromEntries(audits.map((audit) => [`${audit.id} ${audit.name}`, check(audit)])));
