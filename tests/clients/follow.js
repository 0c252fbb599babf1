// Follows one operation with the client of a protocol, and prints what it is told: a line each.
// Usage: node follow.js graphql-ws|graphql-sse URL AUTHORIZATION QUERY
import { createClient as createSseClient } from "graphql-sse";
import { createClient as createWsClient } from "graphql-ws";
import WebSocket from "ws";

const [protocol, url, authorization, query] = process.argv.slice(2);

function print(kind, told) {
  console.log(JSON.stringify({ [kind]: told }));
}

const clients = {
  "graphql-ws": () =>
    createWsClient({
      url,
      webSocketImpl: WebSocket,
      connectionParams: { Authorization: authorization },
      retryAttempts: 0,
    }),
  "graphql-sse": () =>
    createSseClient({
      url,
      headers: { Authorization: authorization },
      retryAttempts: 0,
    }),
};

const client = clients[protocol]();
const stop = client.subscribe(
  { query },
  {
    next: (result) => print("next", result),
    complete: () => {
      print("complete", true);
      client.dispose();
    },
    error: (error) => {
      print("error", { code: error.code, reason: error.reason, message: error.message });
      client.dispose();
    },
  },
);

// A line from whoever started this ends the operation.
process.stdin.once("data", () => {
  stop();
  process.stdin.pause();
});
process.stdin.unref?.();
