// A subscriber in another language: `node subscriber.mjs ENDPOINT [SERVER_KEY PUBLIC_KEY SECRET_KEY]`, keys in Z85.
// Needs only the npm package `zeromq`. Prints one line a message and ends when the session does.
import { createRequire } from "node:module";

const { Subscriber } = createRequire(import.meta.url)("zeromq"); // found next to this file or through NODE_PATH

const [endpoint, serverKey, publicKey, secretKey] = process.argv.slice(2);
const keys = serverKey ? { curveServerKey: serverKey, curvePublicKey: publicKey, curveSecretKey: secretKey } : {};
const subscriber = new Subscriber({ ...keys, linger: 0 });
subscriber.connect(endpoint);
subscriber.subscribe("emotrack/1/");

for await (const [topic, payload] of subscriber) {
  const message = JSON.parse(payload.toString());
  if (message.type === "emotion") {
    const { speaker, label, confidence, transcript } = message;
    console.log(`${message.seq} ${speaker.id} ${label} ${confidence.toFixed(2)} ${transcript?.text ?? ""}`);
  } else {
    console.log(`${message.seq} ${topic.toString()}`);
  }
  if (message.type === "session" && message.state === "ended") break;
}
subscriber.close();
