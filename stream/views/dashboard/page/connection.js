// The server's answers and its stream of messages. A stream that breaks is opened again, later and later, and
// goes on after the last message that was seen.

const FIRST_WAIT = 0.5;
const LONGEST_WAIT = 10;

/** What the server answers at a path of its API, as JSON; an error with its sentence where it says no. */
export async function ask(path, signal) {
  const answer = await fetch(`/api/v1/${path}`, { signal });
  if (answer.ok) return answer.json();
  throw new Refusal(await sentence(answer));
}

/** The server answered, and the answer is no. */
export class Refusal extends Error {}

/** What the server says is wrong: a sentence, or where it gave none its status. */
export async function sentence(answer) {
  try {
    return (await answer.json()).error ?? answer.statusText;
  } catch {
    return `${answer.status} ${answer.statusText}`;
  }
}

/** A stream of messages of the session. `query` gives the parameters of each attempt, `onMessage` each
 * message, `onState` "open", or "waiting" with the reason and the seconds until the next attempt. */
export class Stream {
  constructor({ query, onMessage, onState, again = true }) {
    Object.assign(this, { query, onMessage, onState, again });
    this.wait = FIRST_WAIT;
    this.closed = false;
    this.open();
  }

  open() {
    const address = new URL("/api/v1/stream", location.href);
    address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    for (const [name, value] of Object.entries(this.query())) address.searchParams.set(name, value);
    this.socket = new WebSocket(address);
    this.socket.onopen = () => !this.closed && this.onState("open");
    this.socket.onmessage = (event) => {
      if (this.closed) return;
      this.wait = FIRST_WAIT;
      const message = parsed(event.data);
      if (message) this.onMessage(message);
    };
    this.socket.onclose = (event) => this.retry(event);
  }

  retry(event) {
    if (this.closed) return;
    if (!this.again) {
      this.close();
      this.onState("ended", event.reason);
      return;
    }
    const seconds = this.wait * (0.75 + Math.random() / 2); // not all pages at once
    this.wait = Math.min(2 * this.wait, LONGEST_WAIT);
    this.onState("waiting", event.reason, seconds);
    this.timer = setTimeout(() => this.open(), 1000 * seconds);
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
    this.socket.close();
  }
}

/** A message, or null where a frame is none. */
function parsed(text) {
  try {
    const message = JSON.parse(text);
    return message && typeof message.type === "string" ? message : null;
  } catch {
    return null;
  }
}
