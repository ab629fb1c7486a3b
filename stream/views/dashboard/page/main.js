// The page: where its messages come from, the store that they are folded into, and the views that show it,
// once a frame however many messages came.

import { Refusal, Stream, ask } from "./connection.js";
import { setAttribute, setText } from "./elements.js";
import { Shortcuts, remember, remembered } from "./keyboard.js";
import { readPalette } from "./labels.js";
import { Recording, readOutline } from "./recording.js";
import { Store } from "./store.js";
import { strings } from "./strings.js";
import { keysDialog, responsibleDialog } from "./views/dialogs.js";
import { Header } from "./views/header.js";
import { Notices } from "./views/notices.js";
import { People } from "./views/people.js";
import { Picture } from "./views/picture.js";
import { Plane } from "./views/plane.js";
import { Playback } from "./views/playback.js";
import { Timeline } from "./views/timeline.js";
import { Transcript } from "./views/transcript.js";

const SECTIONS = ["people", "timeline", "transcript", "plane", "picture"];
const THEME = "emotrack-theme";
/** Milliseconds between two frames where no message comes: time goes on, too. */
const TICK = matchMedia("(prefers-reduced-motion: reduce)").matches ? 1000 : 250;
/** Seconds that the clock goes on by itself between two messages. */
const AHEAD = 1.5;
const ASK_AGAIN = 2000;

const element = (id) => document.getElementById(id);
const bodyOf = (id) => document.querySelector(`#${id} > .body`);

for (const each of document.querySelectorAll("[data-text]")) {
  each.textContent = each.dataset.text.split(".").reduce((words, name) => words[name], strings);
}

const store = new Store();
const link = { state: "connecting", kind: "live", source: null, sentence: null, silence: 0 };
let lastMessage = performance.now();
let recording = null;
let playback = null;
let pending = false;

const transcript = new Transcript(bodyOf("transcript"), element("news"));
const timeline = new Timeline(bodyOf("timeline"), { why: (number) => transcript.explain(number), redraw: schedule });
const picture = new Picture(element("picture"), bodyOf("picture"), () => (recording ? recording.now : null));
const header = new Header(element("state"), element("feeds"), element("trouble"));
const people = new People(bodyOf("people"));
const plane = new Plane(bodyOf("plane"));
const notices = new Notices(bodyOf("notices"));

function schedule() {
  if (pending) return;
  pending = true;
  requestAnimationFrame(render);
}

function render() {
  pending = false;
  link.silence = (performance.now() - lastMessage) / 1000;
  if (recording) store.time = Math.max(store.time, recording.now);
  header.render(store, link);
  people.render(store);
  timeline.render(store, recording ? recording.now : store.time + liveAhead());
  transcript.render(store, !recording);
  plane.render(store);
  picture.render(store);
  notices.render(store);
  playback?.render(recording.now);
  document.documentElement.dataset.shown = store.seq; // the last message that is on the screen
}

/** Seconds since the newest media that the tracker told of, as long as it is there. */
function liveAhead() {
  return link.state === "open" && store.session?.state !== "ended" ? Math.min(AHEAD, link.silence) : 0;
}

async function begin() {
  try {
    const status = await ask("status");
    link.kind = status.kind;
    link.source = status.source;
    link.sentence = null;
    if (status.kind === "recording") await beginRecording(status);
    else await beginLive();
  } catch (error) {
    link.sentence = error instanceof Refusal ? strings.connection.refused(error.message) : strings.connection.unreachable;
    setTimeout(begin, ASK_AGAIN);
  }
  schedule();
}

async function beginLive() {
  const { outline } = await readOutline(); // what was before the page was opened; what holds comes with the stream
  for (const message of outline) store.apply(message);
  let opened = false;
  new Stream({
    query: () => (opened && store.sessionId ? { after: `${store.sessionId}:${store.seq}` } : {}),
    onMessage: (message) => {
      lastMessage = performance.now();
      store.apply(message);
      schedule();
    },
    onState: (state, reason, seconds) => {
      opened ||= state === "open";
      link.state = state;
      lastMessage = performance.now();
      const words = strings.connection;
      link.sentence = state === "waiting" ? `${words.lost(reason)} ${words.again(Math.ceil(seconds))}` : null;
      schedule();
    },
  });
}

async function beginRecording({ start, end }) {
  const failed = (sentence) => {
    link.sentence = sentence && strings.connection.refused(sentence);
  };
  const ended = (reason) => {
    playback.setPlaying(false);
    if (recording.now < recording.end - 1) failed(reason || strings.connection.lost());
    schedule();
  };
  recording = new Recording({ store, start: start ?? 0, end: end ?? 0, changed: schedule, ended, failed });
  playback = new Playback(element("playback"), {
    start: recording.start,
    end: recording.end,
    seek: (time) => recording.seek(time),
    play: (speed) => {
      playback.setPlaying(true);
      recording.play(speed);
    },
    pause: () => {
      playback.setPlaying(false);
      recording.stop();
      schedule();
    },
  });
  document.body.classList.add("recorded");
  timeline.span = Math.min(600, Math.max(20, (recording.end - recording.start) * 1.08));
  await recording.seek(recording.end);
  await recording.load();
  if (!recording.whole) link.sentence = strings.timeline.bounded;
  playback.setOverview(recording.utterances());
  await recording.seek(recording.time);
}

function theme() {
  const dark = getComputedStyle(document.documentElement).colorScheme === "dark" || (!document.documentElement.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
  setTheme(dark ? "light" : "dark");
  remember(THEME, document.documentElement.dataset.theme);
}

function setTheme(name) {
  if (name) document.documentElement.dataset.theme = name;
  recolour();
}

function recolour() {
  readPalette();
  playback?.drawOverview();
  schedule();
}

function visit(id) {
  element(id).focus({ preventScroll: true });
  element(id).scrollIntoView({ block: "start" });
}

const shortcuts = new Shortcuts({
  "?": () => help.showModal(),
  t: theme,
  f: () => timeline.setFollow(!timeline.follow),
  "+": () => timeline.zoom(0.5),
  "=": () => timeline.zoom(0.5),
  "-": () => timeline.zoom(2),
  p: () => picture.toggle(),
  " ": () => playback?.toggle(),
  j: () => recording?.seek(recording.now - 5),
  l: () => recording?.seek(recording.now + 5),
  ...Object.fromEntries(SECTIONS.map((id, place) => [String(place + 1), () => visit(id)])),
});
const help = keysDialog(shortcuts);
const responsible = responsibleDialog();

setText(element("theme"), "◐");
setText(element("help"), "?");
setAttribute(element("theme"), "aria-label", strings.header.theme);
setAttribute(element("help"), "aria-label", strings.header.help);
element("theme").addEventListener("click", theme);
element("help").addEventListener("click", () => help.showModal());
element("responsible").addEventListener("click", () => responsible.showModal());
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolour);
document.addEventListener("visibilitychange", schedule);
setInterval(() => document.hidden || schedule(), TICK);
setTheme(remembered(THEME));
begin();
