// What is known of a session, folded from its messages. Knows nothing of the page, and forgets the oldest:
// a page that is open for days is as small as one that is open for an hour.

export const LIMITS = {
  utterances: 2000,
  people: 64,
  band: 400, // spells of a steady state, of each person
  trail: 40, // points in the valence–arousal plane, of each person
  notices: 40,
  aliases: 500,
  faces: 64,
  feeds: 128,
};
/** Seconds of session time between two points of a trail. */
const TRAIL_STEP = 1;
/** And from its oldest to its newest. */
const TRAIL_LASTS = 30;
/** Seconds after which a face that nobody told of again is no longer in the picture. */
export const FACE_HOLDS = 2;

export class Store {
  constructor() {
    this.reset();
  }

  /** Forget everything, as when another session begins or another time of a recording is shown. */
  reset() {
    this.sessionId = "";
    this.session = null;
    this.heartbeat = null;
    this.seq = 0;
    this.time = 0;
    this.feeds = new Map(); // "source medium" → Feed
    this.people = new Map(); // id → Person
    this.order = new Set(); // everybody's id, in order of first appearance
    this.bands = new Map(); // id → [{label, from, to, confidence, known}]
    this.trails = new Map(); // id → [{time, valence, arousal}]
    this.aliases = new Map(); // id → whose it really is
    this.utterances = new Map(); // number → Emotion, the oldest first
    this.forgotten = 0; // utterances that are no longer held
    this.faces = new Map(); // "source track" → Face
    this.notices = []; // {time, kind, message}
  }

  /** Take in one message. What is older than what is held changes nothing. */
  apply(message) {
    if (message.session !== this.sessionId) {
      this.reset();
      this.sessionId = message.session;
    }
    this.seq = Math.max(this.seq, message.seq);
    const fold = FOLDS[message.type];
    if (fold) fold(this, message); // a later protocol may tell of more
  }

  /** Whose id this is, after all who turned out to be somebody else. */
  resolve(id) {
    let found = id;
    for (let steps = 0; this.aliases.has(found) && steps < 32; steps += 1) found = this.aliases.get(found);
    return found;
  }

  /** Everybody who is shown, in order of first appearance. */
  names() {
    const spoke = new Set();
    for (const emotion of this.utterances.values()) spoke.add(this.resolve(emotion.speaker.id));
    return [...this.order].filter((id) => this.people.has(id) || spoke.has(id));
  }

  /** The utterances, in order of their beginning. */
  inOrder() {
    return [...this.utterances.values()].sort((one, other) => one.start - other.start || one.utterance - other.utterance);
  }

  /** The faces that are in a feed's picture now. */
  facesOf(source) {
    return [...this.faces.values()].filter((face) => face.source === source && this.time - face.time < FACE_HOLDS);
  }
}

const FOLDS = {
  session(store, message) {
    store.session = message;
    store.startUnixNs = message.start_unix_ns;
  },

  emotion(store, message) {
    const held = store.utterances.get(message.utterance);
    if (held && held.revision >= message.revision) return;
    store.utterances.set(message.utterance, message);
    appear(store, store.resolve(message.speaker.id));
    store.forgotten += trim(store.utterances, LIMITS.utterances);
    advance(store, message.end);
  },

  person(store, message) {
    const id = store.resolve(message.person);
    const held = store.people.get(id);
    if (held && held.seq > message.seq) return;
    advance(store, message.time);
    if (message.state === "away" && message.utterance === null) {
      forget(store, id); // a face that nobody will know again
      return;
    }
    store.people.delete(id); // so that the order is that of the last news, and the stalest goes first
    store.people.set(id, message);
    appear(store, id);
    extendBand(store, id, message);
    extendTrail(store, id, message);
    while (store.people.size > LIMITS.people) forget(store, store.people.keys().next().value);
  },

  face(store, message) {
    const key = `${message.source} ${message.track}`;
    advance(store, message.time);
    store.faces.delete(key);
    if (message.event !== "lost") store.faces.set(key, message);
    trim(store.faces, LIMITS.faces);
  },

  feed(store, message) {
    const key = `${message.source} ${message.medium ?? ""}`;
    const held = store.feeds.get(key);
    if (held && held.seq > message.seq) return;
    store.feeds.set(key, message);
    trim(store.feeds, LIMITS.feeds);
    if (message.state !== "up" || (held && held.state !== "up")) notice(store, message);
    advance(store, message.time);
  },

  speaker(store, message) {
    if (message.event === "alias" && message.alias_of && store.resolve(message.alias_of) !== message.speaker) {
      store.aliases.set(message.speaker, message.alias_of);
      trim(store.aliases, LIMITS.aliases);
      merge(store, message.speaker, store.resolve(message.alias_of));
    }
    notice(store, message);
    advance(store, message.time);
  },

  heartbeat(store, message) {
    if (store.heartbeat && store.heartbeat.seq > message.seq) return;
    const { topics: _, ...rest } = message; // where each topic stands is of no use here, and long
    store.heartbeat = rest;
    advance(store, message.time);
  },

  error(store, message) {
    notice(store, message);
    advance(store, message.time);
  },
};

function advance(store, time) {
  store.time = Math.max(store.time, time);
}

function appear(store, id) {
  store.order.add(id);
  if (store.order.size <= 4 * LIMITS.people) return;
  const shown = new Set(store.names());
  store.order = new Set([...store.order].filter((each) => shown.has(each)).slice(-4 * LIMITS.people));
}

function forget(store, id) {
  store.people.delete(id);
  store.bands.delete(id);
  store.trails.delete(id);
}

/** Who turned out to be `id` leaves it what they have, as long as it has nothing. */
function merge(store, merged, id) {
  for (const kept of [store.people, store.bands, store.trails]) {
    if (kept.has(merged) && !kept.has(id)) kept.set(id, kept.get(merged));
    kept.delete(merged);
  }
  store.order.delete(merged);
  if (store.people.has(id)) appear(store, id);
}

function extendBand(store, id, message) {
  const band = store.bands.get(id) ?? [];
  store.bands.set(id, band);
  const last = band.at(-1);
  const goes = last && last.label === message.label && last.from === message.since && !last.over;
  if (goes) Object.assign(last, { to: message.time, confidence: message.confidence, known: message.known });
  else if (!last || message.time >= last.to) {
    const { label, confidence, known, since, time } = message;
    const from = last?.over ? time : since;
    if (last && !last.over) last.to = Math.max(last.to, since); // nobody told of it while it went on
    band.push({ label, confidence, known, from, to: time, over: false });
    if (band.length > LIMITS.band) band.shift();
  }
  if (message.state === "away") band.at(-1).over = true;
}

function extendTrail(store, id, message) {
  if (message.valence === null || message.arousal === null) return;
  const trail = store.trails.get(id) ?? [];
  store.trails.set(id, trail);
  const [before, last] = trail.slice(-2);
  if (last && last.time - before.time < TRAIL_STEP) trail.pop(); // the newest point moves until it is a step away
  trail.push({ time: message.time, valence: message.valence, arousal: message.arousal });
  while (trail.length > LIMITS.trail || message.time - trail[0].time > TRAIL_LASTS) trail.shift();
}

function notice(store, message) {
  if (store.notices.some((held) => held.seq === message.seq)) return;
  store.notices.push(message);
  if (store.notices.length > LIMITS.notices) store.notices.shift();
}

/** Leave out the oldest beyond a limit; how many that were. */
function trim(map, limit) {
  let count = 0;
  for (const key of map.keys()) {
    if (map.size <= limit) break;
    map.delete(key);
    count += 1;
  }
  return count;
}
