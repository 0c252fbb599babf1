// Requests to the GraphQL endpoint: one answer, or the events of a subscription.

const ANSWERS = "application/graphql-response+json, application/json;q=0.9";
const EVENTS = "text/event-stream, application/json;q=0.9";

/** Sends a request: `{ status, statusText, text, body, milliseconds, bytes }`; `body` is null when it is no JSON. */
export async function send(endpoint, request, { headers = {}, signal } = {}) {
  const started = performance.now();
  const response = await post(endpoint, request, { headers, signal, accept: ANSWERS });
  return readAnswer(response, started);
}

/** Subscribes: calls `onEvent` with every event's answer and ends with the stream; a server without event streams answers once. */
export async function subscribe(endpoint, request, { headers = {}, signal, onEvent }) {
  const started = performance.now();
  const response = await post(endpoint, request, { headers, signal, accept: EVENTS });
  if (!response.headers.get("content-type")?.startsWith("text/event-stream")) {
    onEvent(await readAnswer(response, started));
    return;
  }
  for await (const { name, text } of events(response.body)) {
    if (name === "complete") return;
    if (text) onEvent(answer(response, text, { started, bytes: new TextEncoder().encode(text).length }));
  }
}

function post(endpoint, request, { headers, signal, accept }) {
  return fetch(endpoint, {
    method: "POST",
    headers: { accept, "content-type": "application/json", ...headers },
    body: JSON.stringify(request),
    cache: "no-store",
    signal,
  });
}

async function readAnswer(response, started) {
  const content = await response.arrayBuffer();
  const text = new TextDecoder().decode(content);
  return answer(response, text, { started, bytes: content.byteLength });
}

function answer(response, text, { started, bytes }) {
  const milliseconds = performance.now() - started;
  return { status: response.status, statusText: response.statusText, text, body: parsed(text), milliseconds, bytes };
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** The events of a stream, as `{ name, text }`. */
async function* events(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (rest + value).replace(/\r\n?/gu, "\n").split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) yield event(block);
  }
}

function event(block) {
  const lines = block.split("\n");
  const field = (name) =>
    lines.filter((line) => line.startsWith(`${name}:`)).map((line) => line.slice(name.length + 1).replace(/^ /u, ""));
  return { name: field("event").at(-1) ?? "message", text: field("data").join("\n") };
}
