// Numbers as a person reads them. What is not a number is a dash, never NaN.

export const DASH = '–';

/** @param {unknown} n */
export const num = (n) => (typeof n === 'number' && Number.isFinite(n) ? n.toLocaleString('en') : DASH);

/** @param {Record<string, number> | null | undefined} counts */
export const sum = (counts) => Object.values(counts ?? {}).reduce((a, b) => a + b, 0);

/** A count with its noun. @param {number} n @param {string} one @param {string} [many] */
export const count = (n, one, many = `${one}s`) => `${num(n)} ${n === 1 ? one : many}`;

/** Cut, never rounded up: 99.999 % is not 100 %. @param {unknown} share @param {number} [digits] */
export function percent(share, digits = 2) {
  if (typeof share !== 'number' || !Number.isFinite(share)) return DASH;
  const scale = 10 ** digits;
  return `${(Math.floor(share * 100 * scale + 1e-6) / scale).toFixed(digits)} %`;
}

/** @param {unknown} ms */
export function millis(ms) {
  if (typeof ms !== 'number' || !Number.isFinite(ms)) return DASH;
  if (ms > 0 && ms < 1) return '< 1 ms';
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
}

/** How far a clock is off, with its sign. @param {unknown} ms */
export function offset(ms) {
  if (typeof ms !== 'number' || !Number.isFinite(ms)) return DASH;
  if (Math.abs(ms) < 1) return '± 0 ms';
  return `${ms < 0 ? '−' : '+'}${millis(Math.abs(ms))}`;
}

/** @param {unknown} n */
export function bytes(n) {
  if (typeof n !== 'number' || !Number.isFinite(n)) return DASH;
  if (n < 1024) return `${n} B`;
  return n < 1_048_576 ? `${(n / 1024).toFixed(1)} KiB` : `${(n / 1_048_576).toFixed(1)} MiB`;
}

/** A length of time in one unit. @param {number} milliseconds */
export function age(milliseconds) {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 90) return `${seconds} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} d`;
}

/** Parts as a phrase: "a, b and c". @param {string[]} parts */
export function phrase(parts) {
  const last = parts.at(-1) ?? '';
  return parts.length < 2 ? last : `${parts.slice(0, -1).join(', ')} and ${last}`;
}

/** The value of one of a table's own keys. @template T @param {Record<string, T>} table @param {string} key */
export const own = (table, key) => (Object.hasOwn(table, key) ? table[key] : undefined);

/** A duration as the API writes it ("1m 30s", "500ms"), in milliseconds; null if it is none. @param {string} text */
export function duration(text) {
  const units = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
  let total = 0;
  for (const part of text.trim().split(/\s+|(?<=[a-z])(?=\d)/)) {
    const [, n, unit] = /^(\d+)(ms|s|m|h|d)[a-z]*$/.exec(part) ?? [];
    if (!n) return null;
    total += Number(n) * units[/** @type {keyof typeof units} */ (unit)];
  }
  return total;
}
