// Reads a dashboard with what Node brings: server-sent events by fetch, a page of history, and the WebSocket where Node or the npm package ws has one.
import { createRequire } from "node:module";

const [url] = process.argv.slice(2);

function installed(name) {
  try {
    return createRequire(import.meta.url)(name);
  } catch {
    return null;
  }
}

async function* events(path) {
  const answer = await fetch(new URL(path, url), { headers: { accept: "text/event-stream" } });
  let text = "";
  for await (const piece of answer.body.pipeThrough(new TextDecoderStream())) {
    text += piece;
    const parts = text.split("\n\n");
    text = parts.pop();
    for (const part of parts) {
      const fields = Object.fromEntries(part.split("\n").map((line) => line.split(/: (.*)/s).slice(0, 2)));
      if (fields.data) yield { id: fields.id, name: fields.event ?? "message", data: JSON.parse(fields.data) };
    }
  }
}

function socketReads() {
  const Socket = globalThis.WebSocket ?? installed("ws"); // Node has one from version 22 on
  if (!Socket) return "no socket";
  return new Promise((resolve, reject) => {
    const socket = new Socket(new URL("/api/v1/stream", url.replace(/^http/, "ws")));
    socket.onmessage = ({ data }) => (socket.close(), resolve(JSON.parse(data).schema));
    socket.onerror = reject;
  });
}

for await (const { data } of events("/api/v1/events?kind=session&kind=emotion")) {
  if (data.type === "emotion" && data.state !== "partial") console.log("emotion", data.label, data.transcript.text);
  if (data.type !== "session") continue;
  if (data.state === "started") console.log("session started");
  else {
    const history = await (await fetch(new URL("/api/v1/messages?kind=emotion", url))).json();
    const utterances = new Set(history.messages.map((message) => message.utterance)).size;
    console.log(`session ended, ${utterances} utterances in the history, ${await socketReads()}`);
    process.exit(0);
  }
}
