// The bar beneath a recording: play, pause, speed, and a scrubber over all that was said.

import { clock, make, setAttribute, setText } from "../elements.js";
import { look, palette } from "../labels.js";
import { strings } from "../strings.js";

const SPEEDS = [0.5, 1, 2, 4, 8];
const STEP = 0.1;

export class Playback {
  /** `seek(time)` shows another time, `play(speed)` and `pause()` go on from it and stop. */
  constructor(section, { start, end, seek, play, pause }) {
    const words = strings.playback;
    Object.assign(this, { start, end, seek, play, pause, playing: false });
    this.button = make("button", { type: "button", class: "tool play", click: () => this.toggle() });
    this.overview = make("canvas", { class: "overview", "aria-hidden": "true" });
    this.range = make("input", { type: "range", min: start, max: end, step: STEP, "aria-label": words.scrubber, input: () => seek(Number(this.range.value)) });
    this.time = make("span", { class: "window" });
    const options = SPEEDS.map((speed) => make("option", { value: speed, selected: speed === 1 ? "" : null }, words.times(speed)));
    this.speed = make("select", { "aria-label": words.speed, change: () => this.playing && play(Number(this.speed.value)) }, ...options);
    section.setAttribute("aria-label", words.title);
    section.append(this.button, make("div", { class: "scrubber" }, this.overview, this.range), this.time, this.speed);
    section.hidden = false;
    new ResizeObserver(() => this.drawOverview()).observe(this.overview);
    this.setPlaying(false);
  }

  toggle() {
    if (this.playing) this.pause();
    else this.play(Number(this.speed.value));
  }

  setPlaying(playing) {
    this.playing = playing;
    setText(this.button, playing ? "❚❚" : "▶");
    setAttribute(this.button, "aria-label", playing ? strings.playback.pause : strings.playback.play);
  }

  /** Show at which time the recording is. */
  render(time) {
    if (document.activeElement !== this.range || this.playing || Math.abs(Number(this.range.value) - time) > STEP) this.range.value = time;
    const said = strings.playback.at(clock(time), clock(this.end));
    setAttribute(this.range, "aria-valuetext", said);
    setText(this.time, said);
  }

  /** What was said in the whole recording, above the scrubber: `emotions` as they are at its end. */
  setOverview(emotions) {
    this.emotions = emotions;
    this.drawOverview();
  }

  drawOverview() {
    const { overview } = this;
    const ratio = devicePixelRatio || 1;
    const [width, height] = [overview.clientWidth, overview.clientHeight];
    Object.assign(overview, { width: width * ratio, height: height * ratio });
    const context = overview.getContext("2d");
    context.scale(ratio, ratio);
    const colours = palette();
    const scale = width / Math.max(STEP, this.end - this.start);
    for (const emotion of this.emotions ?? []) {
      const high = Math.max(2, height * emotion.confidence);
      context.fillStyle = colours[look(emotion.label).tone];
      context.fillRect((emotion.start - this.start) * scale, height - high, Math.max(1.5, (emotion.end - emotion.start) * scale - 1), high);
    }
  }
}
