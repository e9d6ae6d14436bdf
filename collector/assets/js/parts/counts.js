// Counts as labelled bars, largest first; the small ones share the last row, so that nothing is left out.

import { h, s } from '../dom.js';
import { num, percent, sum } from '../format.js';

const ROWS_MAX = 8;
const WIDTH = 100;

/**
 * @param {Record<string, number>} counts @param {(key: string) => string} kindOf the class of a bar
 * @param {(key: string) => string | undefined} [noteOf]
 */
export function bars(counts, kindOf, noteOf = () => '') {
  const all = Object.entries(counts).sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0]));
  const total = sum(counts);
  const some = all.slice(0, all.length > ROWS_MAX ? ROWS_MAX - 1 : all.length);
  const rest = all.slice(some.length);
  const row = (/** @type {string} */ kind, /** @type {string} */ key, /** @type {string | undefined} */ note, /** @type {number} */ n, /** @type {string} */ title) => (
    h('li', { title: title || null },
      h('span', { class: 'key' }, h('b', {}, key), note ? h('small', {}, note) : null),
      s('svg', { viewBox: `0 0 ${WIDTH} 8`, preserveAspectRatio: 'none', 'aria-hidden': 'true' },
        s('rect', { class: 'track', width: WIDTH, height: 8 }),
        s('rect', { class: kind, width: Math.max(1, (n / all[0][1]) * WIDTH), height: 8 })),
      h('span', { class: 'count' }, num(n)), h('small', { class: 'count' }, percent(n / total, 1))));
  return h('ul', { class: 'bars' }, some.map(([key, n]) => row(kindOf(key), key, noteOf(key), n, '')),
    rest.length ? row('p-open', `${rest.length} others`, '', rest.reduce((n, [, c]) => n + c, 0),
      rest.map(([key, n]) => `${key}: ${num(n)}`).join(', ')) : null);
}

/** The class of a status code's bar. @param {string} code */
export const ofCode = (code) => (/^[2345]\d\d$/.test(code) ? `p-c${code[0]}` : 'p-c1');
