// The past hour by round: what became of every planned probe, stacked. Nothing planned is left out of a column.

import { h, paint, s } from '../dom.js';
import { num, sum } from '../format.js';
import { clock } from '../time.js';
import { box, ceiling, cutOf, every, px } from './scale.js';
import { scrub } from './scrub.js';

/** @typedef {import('../types.js').Round} Round */

const COLUMNS_MAX = 60; // With more rounds, neighbours share a column.
const HEIGHT = 168;
const TOP = 8;
const FOOT = 20;
const LEFT = 44;
const LABEL_PX = 64;

/** From the bottom up. @type {[part: string, name: string][]} */
export const PARTS = [
  ['c2', '2xx answers'], ['c3', '3xx'], ['c4', '4xx'], ['c5', '5xx'], ['c1', 'other answers'],
  ['fail', 'no answer'], ['miss', 'missed'], ['open', 'running'],
];

/** @typedef {{start: string, expected: number, rounds: number, parts: Record<string, number>, missed: Record<string, number>}} Column */

/** Rounds, newest first, as columns, oldest first. @param {Round[]} rounds @returns {Column[]} */
export function columns(rounds) {
  const each = Math.max(1, Math.ceil(rounds.length / COLUMNS_MAX));
  /** @type {Column[]} */
  const result = [];
  for (let i = 0; i < rounds.length; i += each) {
    const some = rounds.slice(i, i + each);
    /** @type {Column} */
    const column = { start: some[some.length - 1].start, expected: 0, rounds: some.length, parts: {}, missed: {} };
    const add = (/** @type {string} */ part, /** @type {number} */ n) => {
      column.parts[part] = (column.parts[part] ?? 0) + n;
    };
    for (const round of some) {
      column.expected += round.expected;
      for (const [code, n] of Object.entries(round.status_codes)) add(/^[2345]/.test(code) ? `c${code[0]}` : 'c1', n);
      add('fail', sum(round.failures));
      add('miss', sum(round.missed));
      add('open', round.open);
      for (const [why, n] of Object.entries(round.missed)) column.missed[why] = (column.missed[why] ?? 0) + n;
    }
    result.unshift(column);
  }
  return result;
}

/** A column in words. @param {Column} column @param {'minutes' | 'seconds'} cut */
function account(column, cut) {
  const parts = PARTS.filter(([part]) => column.parts[part]).map(([part, name]) => `${num(column.parts[part])} ${name}`);
  return `${clock(column.start, cut)}: ${num(column.expected)} planned; ${parts.join(', ') || 'nothing yet'}`;
}

/** @param {Set<string>} there the parts that occur */
export const legend = (there) => h('ul', { class: 'legend' }, PARTS.filter(([part]) => there.has(part)).map(
  ([part, name]) => h('li', {}, s('svg', { class: 'swatch', viewBox: '0 0 12 12', 'aria-hidden': 'true' },
    s('rect', { class: `p-${part}`, width: 12, height: 12, rx: 2 })), name)));

/** @param {Element} root a place with .plot and .account in it @param {Round[]} rounds */
export function drawRounds(root, rounds) {
  const plot = /** @type {HTMLElement} */ (root.querySelector('.plot'));
  const words = /** @type {Element} */ (root.querySelector('.account'));
  const list = columns(rounds);
  const width = Math.max(240, plot.clientWidth || 800);
  const high = HEIGHT - TOP - FOOT;
  const top = ceiling(Math.max(1, ...list.map(({ expected }) => expected)));
  const step = (width - LEFT) / Math.max(1, list.length);
  const gap = Math.min(6, step * 0.18);
  const cut = cutOf(list.map(({ start }) => start));
  const labelled = every(list.length, width - LEFT, LABEL_PX);
  /** @type {Record<string, string>} */
  const paths = {};
  list.forEach((column, i) => {
    let y = TOP + high;
    for (const [part] of PARTS) {
      const n = column.parts[part];
      if (!n) continue;
      const tall = Math.max(1, (n / top) * high); // What there is of something is seen, however little.
      y -= tall;
      paths[part] = (paths[part] ?? '') + box(LEFT + i * step + gap / 2, y, step - gap, Math.max(0.5, tall - 0.75));
    }
  });
  const grid = [0, 0.5, 1].map((part) => {
    const y = TOP + high * (1 - part);
    return [s('line', { class: 'grid', x1: LEFT, x2: width, y1: px(y), y2: px(y) }),
      s('text', { class: 'tick', x: LEFT - 8, y: px(y + 4), 'text-anchor': 'end' }, Number.isInteger(top * part) ? num(top * part) : '')];
  });
  const times = list.map((column, i) => ((list.length - 1 - i) % labelled ? null : s('text', {
    class: 'tick', x: px(LEFT + (i + 0.5) * step), y: HEIGHT - 5, 'text-anchor': 'middle',
  }, clock(column.start, cut))));
  paint(plot, list.length ? null : h('p', { class: 'nothing' }, 'No round has begun yet.'),
    s('svg', { viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, 'aria-hidden': 'true' },
    list.length ? grid : null, s('rect', { class: 'chosen', y: TOP, height: high, width: 0 }),
    Object.entries(paths).map(([part, d]) => s('path', { class: `p-${part}`, d })), times));
  const chosen = plot.querySelector('.chosen');
  scrub(plot, words, 'Point at a column, or use the arrow keys, to read it.', {
    count: list.length,
    account: (i) => account(list[i], cut),
    find: (fraction) => Math.floor((fraction * width - LEFT) / step),
    mark: (i) => {
      chosen?.setAttribute('x', px(LEFT + (i ?? 0) * step));
      chosen?.setAttribute('width', i === null ? '0' : px(step));
    },
  });
}
