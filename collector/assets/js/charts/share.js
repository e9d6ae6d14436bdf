// How a whole divides: one bar.

import { s } from '../dom.js';
import { px } from './scale.js';

const WIDTH = 1000;
const LEAST = 4; // What there is of something is seen, however little.

/** @param {[kind: string, n: number][]} parts @param {number} [height] */
export function share(parts, height = 10) {
  const there = parts.filter(([, n]) => n > 0);
  const total = there.reduce((sum, [, n]) => sum + n, 0);
  const spare = WIDTH - LEAST * there.length;
  let x = 0;
  return s('svg', { class: 'share', viewBox: `0 0 ${WIDTH} ${height}`, height, preserveAspectRatio: 'none', 'aria-hidden': 'true' },
    s('rect', { class: 'track', width: WIDTH, height }),
    there.map(([kind, n]) => {
      const wide = LEAST + (n / total) * spare;
      const part = s('rect', { class: kind, x: px(x), width: px(Math.max(1, wide - 2)), height });
      x += wide;
      return part;
    }));
}
