// The past hour as a strip of cells. What became of a cell shows in its shape as well as its colour: well is low and
// solid, failed is high and solid, partly is both with a gap, missed is hatched, open is hollow.

import { h, s } from '../dom.js';
import { age, phrase } from '../format.js';
import { clock, now } from '../time.js';
import { box, px } from './scale.js';

/** @typedef {import('../types.js').LastHour} LastHour */

const HEIGHT = 20;
const LOW = 9; // How high "well" is.
const BELOW = 5; // What is under maintenance stands on a bar.

/** What a letter of the API says. @type {Record<string, string>} */
export const CELLS = {
  u: 'as expected', s: 'as expected, slowly', p: 'some failed', f: 'failed', m: 'missed', o: 'running', '.': 'nothing planned',
};

/** All cells in one phrase. @param {LastHour} hour */
export function summed({ cell_ms: each, cells, maintenance }) {
  const parts = Object.entries(CELLS).filter(([letter]) => letter !== '.').map(([letter, name]) => {
    const n = cells.split(letter).length - 1;
    return n ? `${n} × ${name}` : '';
  }).filter(Boolean);
  const quiet = (maintenance ?? '').split('w').length - 1;
  if (parts.length && quiet) parts.push(`${quiet} × under maintenance`);
  return parts.length ? `in steps of ${age(each)}: ${phrase(parts)}` : 'nothing was planned';
}

/** When a cell began. @param {LastHour} hour @param {number} i */
export const began = ({ cell_ms: each, cells }, i) => Math.floor(now() / each) * each - (cells.length - 1 - i) * each;

/** One cell in words. @param {LastHour} hour @param {number} i */
export const inWords = (hour, i) => `${clock(began(hour, i), 'minutes')}: ${CELLS[hour.cells[i]] ?? 'unknown'}${hour.maintenance?.[i] === 'w' ? ', under maintenance' : ''}`;

/**
 * The cells as a picture.
 * @param {string} cells a letter each @param {number} width in pixels @param {string | null} label null: it is told elsewhere
 * @param {string | null} [marks] a w for each cell that is under maintenance
 */
export function strip(cells, width, label, marks) {
  const quiet = marks?.includes('w') ? marks : '';
  const tall = HEIGHT + (quiet ? BELOW : 0);
  const step = width / Math.max(1, cells.length);
  const gap = step > 5 ? 1.5 : step > 2.5 ? 0.75 : 0;
  const wide = Math.max(0.5, step - gap);
  /** @type {Record<string, string>} */
  const paths = {};
  const add = (/** @type {string} */ name, /** @type {number} */ x, /** @type {number} */ y, /** @type {number} */ high) => {
    paths[name] = (paths[name] ?? '') + box(x, y, wide, high);
  };
  [...cells].forEach((letter, i) => {
    const x = i * step + gap / 2;
    if (quiet[i] === 'w') paths.quiet = (paths.quiet ?? '') + box(i * step, HEIGHT + 2, step, BELOW - 2);
    switch (letter) {
      case 'u': add('up', x, HEIGHT - LOW, LOW); break;
      case 's': add('slow', x, HEIGHT - LOW - 4, LOW + 4); break;
      case 'f': add('fail', x, 0, HEIGHT); break;
      case 'p':
        add('fail', x, 0, HEIGHT - LOW - 2);
        add('up', x, HEIGHT - LOW, LOW);
        break;
      case 'm': add('missed', x, 3, HEIGHT - 3); break;
      case 'o': add('open', x, HEIGHT - LOW + 0.5, LOW - 1); break;
      default: add('none', x, HEIGHT - 1, 1);
    }
  });
  return s('svg', {
    class: 'strip', viewBox: `0 0 ${px(width)} ${tall}`, width, height: tall, preserveAspectRatio: 'none',
    role: label === null ? null : 'img', 'aria-label': label, 'aria-hidden': label === null ? 'true' : null,
  }, label !== null && s('title', {}, label), Object.entries(paths).map(([name, d]) => s('path', { class: `s-${name}`, d })));
}

/** What the shapes mean. */
export const legend = () => h('ul', { class: 'legend' }, Object.entries(CELLS).filter(([letter]) => letter !== '.')
  .map(([letter, name]) => h('li', {}, strip(letter, 12, null), name)), h('li', {}, strip('u', 12, null, 'w'), 'under maintenance'));
