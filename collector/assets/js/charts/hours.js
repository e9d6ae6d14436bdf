// Hours as columns: the share that was up, the share that was not, and between them what nobody knows. The bounds of the
// uptime are the edges of that part.

import { h, paint, s } from '../dom.js';
import { millis, num, own, percent } from '../format.js';
import { clock } from '../time.js';
import { REASONS } from '../words.js';
import { box, every, px } from './scale.js';
import { scrub } from './scrub.js';

/** @typedef {import('../types.js').Hour} Hour */

const HEIGHT = 120;
const TOP = 8;
const FOOT = 20;
const LEFT = 48;
const DAY_PX = 92;
const CLOCK_PX = 52;
const DAY_HOURS = 26;

/** @param {Hour} hour */
function account({ start, slots, uptime, latency_ms: latency, final, revision, in_maintenance: quiet }) {
  const missed = Object.entries(slots.missed).map(([why, n]) => `${num(n)} missed: ${own(REASONS, why) ?? why}`);
  return [
    `${clock(start, 'day')}: ${uptime ? `uptime ${percent(uptime.low)}${uptime.low === uptime.high ? '' : ` … ${percent(uptime.high)}`}` : quiet ? 'no uptime' : 'nothing settled'}`,
    `${num(slots.received)} of ${num(slots.expected)} probes done`, ...missed, slots.open ? `${num(slots.open)} running` : '',
    quiet ? `${num(quiet)} under maintenance, left out of uptime` : '',
    latency.p50 === null ? '' : `p50 ${millis(latency.p50)}`, final ? (revision > 1 ? `revised ${revision - 1} ×` : '') : 'not final yet',
  ].filter(Boolean).join('; ');
}

/** @param {Element} root a place with .plot and .account in it @param {Hour[]} hours newest first */
export function drawHours(root, hours) {
  const plot = /** @type {HTMLElement} */ (root.querySelector('.plot'));
  const words = /** @type {Element} */ (root.querySelector('.account'));
  const list = hours.toReversed();
  const width = Math.max(240, plot.clientWidth || 800);
  const high = HEIGHT - TOP - FOOT;
  const step = (width - LEFT) / Math.max(1, list.length);
  const gap = step > 6 ? 2 : step > 3 ? 1 : 0;
  const cut = list.length > DAY_HOURS ? 'day' : 'minutes';
  const label = cut === 'day' ? DAY_PX : CLOCK_PX;
  const labelled = every(list.length, width - LEFT - label / 2, label);
  /** @type {Record<string, string>} */
  const paths = {};
  list.forEach(({ uptime, in_maintenance: quiet }, i) => {
    if (quiet) paths.quiet = (paths.quiet ?? '') + box(LEFT + i * step, TOP + high + 1, step, 3);
    if (!uptime) return;
    let y = TOP + high;
    const stack = /** @type {const} */ ([['c2', uptime.low], ['miss', uptime.high - uptime.low], ['fail', 1 - uptime.high]]);
    for (const [part, share] of stack) {
      if (share <= 0) continue;
      const tall = Math.max(1.5, share * high);
      y = Math.max(TOP, y - tall);
      paths[part] = (paths[part] ?? '') + box(LEFT + i * step + gap / 2, y, Math.max(0.5, step - gap), tall);
    }
  });
  paint(plot, list.length ? null : h('p', { class: 'nothing' }, 'No hours are kept for this time.'),
    s('svg', { viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, 'aria-hidden': 'true' },
      [0, 0.5, 1].map((part) => {
        const y = TOP + high * (1 - part);
        return [s('line', { class: 'grid', x1: LEFT, x2: width, y1: px(y), y2: px(y) }),
          s('text', { class: 'tick', x: LEFT - 8, y: px(y + 4), 'text-anchor': 'end' }, `${part * 100} %`)];
      }),
      s('rect', { class: 'chosen', y: TOP, height: high, width: 0 }),
      Object.entries(paths).map(([part, d]) => s('path', { class: `p-${part}`, d })),
      list.map(({ start }, i) => ((list.length - 1 - i) % labelled || width - LEFT - (i + 0.5) * step < label / 2 ? null : s('text', {
        class: 'tick', x: px(LEFT + (i + 0.5) * step), y: HEIGHT - 5, 'text-anchor': 'middle',
      }, clock(start, cut))))));
  const chosen = plot.querySelector('.chosen');
  scrub(plot, words, 'Point at an hour, or use the arrow keys, to read it. Hatched is what nobody knows: probes that were missed. A bar below: some were under maintenance.', {
    count: list.length,
    account: (i) => account(list[i]),
    find: (fraction) => Math.floor((fraction * width - LEFT) / step),
    mark: (i) => {
      chosen?.setAttribute('x', px(LEFT + (i ?? 0) * step));
      chosen?.setAttribute('width', i === null ? '0' : px(step));
    },
  });
}
