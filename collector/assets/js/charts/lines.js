// Latency over time: a few lines, told apart by dash and by a label at their end as well as by colour. A gap in the
// samples is a gap in the line.

import { h, paint, s } from '../dom.js';
import { millis } from '../format.js';
import { clock } from '../time.js';
import { ceiling, every, px } from './scale.js';
import { scrub } from './scrub.js';

/** @typedef {{name: string, values: (number | null)[]}} Line */

const HEIGHT = 168;
const TOP = 10;
const FOOT = 20;
const LEFT = 52;
const LETTER_PX = 7;
const NAME_MAX = 20; // Letters of a line's name at its end.
const LABEL_PX = 70;
const DAY_LABEL_PX = 104;
const LABEL_HIGH = 13;

/** @param {Line} line @param {(i: number) => number} x @param {(v: number) => number} y */
function path({ values }, x, y) {
  let d = '';
  let pen = false;
  values.forEach((value, i) => {
    if (value === null) pen = false;
    else {
      const alone = !pen && (values[i + 1] ?? null) === null;
      d += `${pen ? 'L' : 'M'}${px(x(i))} ${px(y(value))}${alone ? 'h.01' : ''}`;
      pen = true;
    }
  });
  return d;
}

/** Labels at the ends of the lines, moved apart. @param {Line[]} lines @param {(v: number) => number} y */
function ends(lines, y) {
  const places = lines.map(({ name, values }, i) => {
    const last = values.findLast((value) => value !== null) ?? null;
    return { name, i, y: last === null ? null : y(last) + 4 };
  }).filter((place) => place.y !== null).sort((a, b) => Number(b.y) - Number(a.y));
  places.forEach((place, i) => {
    if (i > 0) place.y = Math.min(Number(place.y), Number(places[i - 1].y) - LABEL_HIGH);
  });
  return places;
}

/**
 * @param {Element} root a place with .plot and .account in it
 * @param {string[]} starts when each step began, oldest first @param {Line[]} lines
 * @param {'minutes' | 'seconds' | 'day'} cut
 */
export function drawLines(root, starts, lines, cut) {
  const plot = /** @type {HTMLElement} */ (root.querySelector('.plot'));
  const words = /** @type {Element} */ (root.querySelector('.account'));
  const width = Math.max(240, plot.clientWidth || 600);
  const high = HEIGHT - TOP - FOOT;
  const right = 14 + LETTER_PX * Math.min(NAME_MAX, Math.max(3, ...lines.map(({ name }) => name.length)));
  const samples = lines.flatMap(({ values }) => values).filter((value) => value !== null);
  const top = ceiling(Math.max(1, ...samples));
  const inner = width - LEFT - right;
  const x = (/** @type {number} */ i) => LEFT + (starts.length > 1 ? (i / (starts.length - 1)) * inner : inner / 2);
  const y = (/** @type {number} */ value) => TOP + high * (1 - value / top);
  const labelled = every(starts.length, inner, cut === 'day' ? DAY_LABEL_PX : LABEL_PX);
  paint(plot, samples.length ? null : h('p', { class: 'nothing' }, 'No answers yet.'),
    s('svg', { viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, 'aria-hidden': 'true' },
    (samples.length ? [0, 0.5, 1] : []).map((part) => [
      s('line', { class: 'grid', x1: LEFT, x2: width - right, y1: px(y(top * part)), y2: px(y(top * part)) }),
      s('text', { class: 'tick', x: LEFT - 8, y: px(y(top * part) + 4), 'text-anchor': 'end' }, part ? millis(top * part) : '0')]),
    s('line', { class: 'hair', y1: TOP, y2: TOP + high, visibility: 'hidden' }),
    lines.map((line, i) => s('path', { class: `line l-${i}`, d: path(line, x, y) })),
    ends(lines, y).map((place) => s('text', {
      class: `end l-${place.i}`, x: width - right + 6, y: px(Number(place.y)),
    }, place.name.length > NAME_MAX ? `${place.name.slice(0, NAME_MAX - 1)}…` : place.name)),
    starts.map((start, i) => ((starts.length - 1 - i) % labelled ? null : s('text', {
      class: 'tick', x: px(x(i)), y: HEIGHT - 5, 'text-anchor': 'middle',
    }, clock(start, cut))))));
  const hair = plot.querySelector('.hair');
  scrub(plot, words, 'Point at the chart, or use the arrow keys, to read it.', {
    count: starts.length,
    account: (i) => `${clock(starts[i], cut)}: ${lines.map(({ name, values }) => `${name} ${millis(values[i])}`).join(', ')}`,
    find: (fraction) => Math.round(((fraction * width - LEFT) / inner) * (starts.length - 1)),
    mark: (i) => {
      hair?.setAttribute('x1', px(x(i ?? 0)));
      hair?.setAttribute('x2', px(x(i ?? 0)));
      hair?.setAttribute('visibility', i === null ? 'hidden' : 'visible');
    },
  });
}
