// Scales of the charts: round numbers on an axis, and moments on a line.

/** The smallest round number that is not below `highest`. @param {number} highest */
export function ceiling(highest) {
  if (!(highest > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(highest));
  return [1, 1.25, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10].map((n) => n * power).find((n) => n >= highest * 0.999) ?? 10 * power;
}

/** Every so many of `count` labels have room in `width` pixels. @param {number} count @param {number} width @param {number} each */
export const every = (count, width, each) => Math.max(1, Math.ceil((count * each) / Math.max(1, width)));

/** Where times of steps that begin so are cut off. @param {(string | undefined)[]} starts @returns {'minutes' | 'seconds'} */
export const cutOf = ([first, second]) => (first && second && Math.abs(Date.parse(second) - Date.parse(first)) < 60_000 ? 'seconds' : 'minutes');

/** A number for an SVG attribute. @param {number} n */
export const px = (n) => String(Math.round(n * 100) / 100);

/** A rectangle for a path. @param {number} x @param {number} y @param {number} w @param {number} height */
export const box = (x, y, w, height) => `M${px(x)} ${px(y)}h${px(w)}v${px(height)}h${px(-w)}z`;
