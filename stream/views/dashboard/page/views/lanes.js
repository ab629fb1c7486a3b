// The drawing of the timeline: a lane for each person, with their steady state above, a bar for each
// utterance, and below it a row for each modality: present, stood in for, or missing.

import { drawShape, look } from "../labels.js";
import { clock } from "../elements.js";
import { strings } from "../strings.js";
import { modalitiesOf, standing } from "./label.js";

const ROWS = ["text", "audio", "face", "body"];
const NAME = 18;
const BAND = 6;
const BAR = 30;
const ROW = 9;
const GAP = 4;
export const LANE = NAME + BAND + GAP + BAR + GAP + ROWS.length * ROW + 12;
export const AXIS = 22;
const GUTTER = 16;
/** Seconds between two marks of the axis, of which the first that is wide enough is taken. */
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600];
const FONT = "system-ui, sans-serif";

/** Draw `from` to `from + span` seconds of everybody in `names`, on `width` pixels; the places of the bars as
 * [{emotion, lane, left, right, top, bottom}]. */
export function drawLanes(context, { store, names, from, span, width, now, colours, chosen, focused }) {
  const height = names.length * LANE + AXIS;
  const x = (time) => GUTTER + ((time - from) / span) * (width - GUTTER);
  context.clearRect(0, 0, width, height);
  drawAxis(context, { x, from, span, width, height, colours });
  const lanes = new Map(names.map((name, lane) => [name, lane]));
  const hits = [];
  names.forEach((name, lane) => {
    drawFrame(context, { name, top: lane * LANE, width, colours });
    drawBand(context, { band: store.bands.get(name) ?? [], top: lane * LANE + NAME, x, from, span, now, colours });
  });
  context.save();
  context.beginPath();
  context.rect(GUTTER, 0, width - GUTTER, height);
  context.clip();
  for (const emotion of store.utterances.values()) {
    if (emotion.end < from || emotion.start > from + span) continue;
    const lane = lanes.get(store.resolve(emotion.speaker.id));
    if (lane === undefined) continue;
    const left = x(emotion.start);
    const right = Math.max(left + 3, x(emotion.end) - 1);
    const top = lane * LANE + NAME + BAND + GAP;
    drawUtterance(context, { emotion, left, right, top, colours, chosen: emotion.utterance === chosen, focused });
    hits.push({ emotion, lane, left, right, top: lane * LANE, bottom: (lane + 1) * LANE });
  }
  context.restore();
  const here = x(now);
  if (here >= GUTTER && here <= width) {
    context.fillStyle = colours.accent;
    context.fillRect(Math.round(here), 0, 1, height - AXIS);
  }
  return hits;
}

function drawAxis(context, { x, from, span, width, height, colours }) {
  const step = STEPS.find((each) => (each / span) * width >= 64) ?? STEPS.at(-1);
  context.font = `11px ${FONT}`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  for (let time = Math.ceil(Math.max(0, from) / step) * step; time <= from + span; time += step) {
    const here = Math.round(x(time));
    if (here < GUTTER) continue;
    context.fillStyle = colours.line;
    context.fillRect(here, 0, 1, height - AXIS + 4);
    context.fillStyle = colours.soft;
    context.fillText(clock(time), Math.min(Math.max(here, 16), width - 18), height - AXIS / 2 + 2);
  }
}

function drawFrame(context, { name, top, width, colours }) {
  context.fillStyle = colours.line;
  if (top) context.fillRect(0, top, width, 1);
  context.fillStyle = colours.ink;
  context.font = `600 12px ${FONT}`;
  context.textAlign = "left";
  context.textBaseline = "middle";
  context.fillText(name, 0, top + NAME / 2 + 1, width);
  context.fillStyle = colours.soft;
  context.font = `9px ${FONT}`;
  ROWS.forEach((row, index) => {
    context.fillText(strings.modalities.letters[row], 2, rowTop(top, index) + ROW / 2);
  });
}

function rowTop(top, index) {
  return top + NAME + BAND + GAP + BAR + GAP + index * ROW;
}

function drawBand(context, { band, top, x, from, span, now, colours }) {
  for (const spell of band) {
    const to = spell === band.at(-1) && !spell.over ? Math.max(now, spell.to) : spell.to; // it goes on
    if (to < from || spell.from > from + span) continue;
    const left = Math.max(GUTTER, x(spell.from));
    const width = x(to) - left;
    if (width <= 0) continue;
    context.fillStyle = colours[look(spell.label).tone];
    context.globalAlpha = spell.known < 5 ? 0.45 : 1; // little is known
    context.fillRect(left, top, Math.max(1, width - 1), BAND - 1);
    context.globalAlpha = 1;
  }
}

function drawUtterance(context, { emotion, left, right, top, colours, chosen, focused }) {
  const colour = colours[look(emotion.label).tone];
  const width = right - left;
  const filled = BAR * emotion.confidence;
  context.fillStyle = colour;
  context.globalAlpha = 0.16;
  context.fillRect(left, top, width, BAR);
  context.globalAlpha = emotion.state === "partial" ? 0.55 : 1;
  context.fillRect(left, top + BAR - filled, width, filled);
  context.globalAlpha = 1;
  context.strokeStyle = colour;
  if (emotion.state === "partial") {
    context.setLineDash([3, 3]);
    context.strokeRect(left + 0.5, top + 0.5, width - 1, BAR - 1);
    context.setLineDash([]);
  }
  if (emotion.state === "revised" && width > 8) drawCorner(context, right, top, colours.ink);
  if (width > 12) drawCode(context, { emotion, left, top, width, colours });
  if (chosen) {
    context.strokeStyle = focused ? colours.focus : colours.ink;
    context.lineWidth = 2;
    context.strokeRect(left - 1.5, top - 2, width + 3, BAR + 4);
    context.lineWidth = 1;
  }
  drawModalities(context, { emotion, left, width, top: top - NAME - BAND - GAP, colours });
}

/** A label that was changed later has a folded corner. */
function drawCorner(context, right, top, colour) {
  context.fillStyle = colour;
  context.beginPath();
  context.moveTo(right - 8, top);
  context.lineTo(right, top);
  context.lineTo(right, top + 8);
  context.fill();
}

/** Shape and letters on a plate of the ground's colour, so that they are read on any fill. */
function drawCode(context, { emotion, left, top, width, colours }) {
  const wide = width > 46;
  const plate = wide ? 36 : Math.min(18, width - 4);
  const shape = Math.min(11, plate - 4);
  const at = left + (wide ? 4 : Math.min(4, (width - plate) / 2));
  context.fillStyle = colours.panel;
  context.globalAlpha = 0.88;
  context.beginPath();
  context.roundRect(at, top + 5, plate, 20, 4);
  context.fill();
  context.globalAlpha = 1;
  drawShape(context, emotion.label, at + (wide ? 9 : plate / 2), top + 15, shape, colours[look(emotion.label).tone]);
  if (!wide) return;
  context.fillStyle = colours.ink;
  context.font = `600 11px ${FONT}`;
  context.textAlign = "left";
  context.textBaseline = "middle";
  context.fillText(look(emotion.label).code, left + 22, top + 15.5);
}

function drawModalities(context, { emotion, left, width, top, colours }) {
  for (const name of modalitiesOf(emotion)) {
    const index = ROWS.indexOf(name);
    if (index < 0) continue;
    const middle = rowTop(top, index) + ROW / 2;
    const state = standing(emotion.modalities[name]);
    if (state === "present") {
      context.fillStyle = colours.ink;
      context.fillRect(left, middle - 1.5, width, 3);
    } else if (state === "imputed") {
      context.fillStyle = colours.soft;
      for (let at = left; at < left + width; at += 6) context.fillRect(at, middle - 1, Math.min(3, left + width - at), 2);
    } else {
      context.fillStyle = colours.faint;
      context.fillRect(left, middle - 0.5, width, 1);
      drawMiss(context, left + width / 2, middle, colours.soft);
    }
  }
}

function drawMiss(context, x, y, colour) {
  context.strokeStyle = colour;
  context.beginPath();
  context.moveTo(x - 2, y - 2);
  context.lineTo(x + 2, y + 2);
  context.moveTo(x + 2, y - 2);
  context.lineTo(x - 2, y + 2);
  context.stroke();
}
