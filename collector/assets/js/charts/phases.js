// Where the time of one probe went: its phases as one stacked bar, to one scale for all vantages of a target.

import { h, s } from '../dom.js';
import { millis } from '../format.js';
import { PHASES } from '../words.js';
import { px } from './scale.js';

const WIDTH = 300;
const HEIGHT = 12;

/**
 * @param {{phases_ms: Record<string, number>}} probe @param {number} longest of those shown together, in milliseconds
 */
export function phases(probe, longest) {
  const parts = PHASES.map(([name]) => ({ name, ms: probe.phases_ms[name] ?? 0 })).filter(({ ms }) => ms > 0);
  const total = Math.max(longest, parts.reduce((n, { ms }) => n + ms, 0), 0.001);
  let x = 0;
  const bars = parts.map(({ name, ms }) => {
    const wide = (ms / total) * WIDTH;
    const bar = s('rect', { class: `ph-${name}`, x: px(x), width: px(Math.max(1, wide - 1)), height: HEIGHT });
    x += wide;
    return bar;
  });
  const words = parts.map(({ name, ms }) => `${name} ${millis(ms)}`).join(', ');
  return h('div', { class: 'phases' },
    s('svg', {
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', role: 'img',
      'aria-label': parts.length ? `Phases: ${words}` : 'No phases were measured',
    }, s('rect', { class: 'track', width: WIDTH, height: HEIGHT }), bars),
    h('ul', { class: 'phase-list', 'aria-hidden': 'true' }, parts.map(({ name, ms }) => h('li', {},
      s('svg', { class: 'swatch', viewBox: '0 0 12 12' }, s('rect', { class: `ph-${name}`, width: 12, height: 12, rx: 2 })),
      name, ' ', h('b', {}, millis(ms))))));
}
