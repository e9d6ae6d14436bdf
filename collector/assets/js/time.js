// Moments in the reader's zone, with UTC at hand: in the hint of every time, and for all of them by a switch.

import { h } from './dom.js';
import { DASH, age } from './format.js';

const KEY = 'zonewatch-utc';
let utc = localStorage.getItem(KEY) === 'yes';
/** The collector's clock against ours: an age is true even where the reader's clock is wrong. */
let ahead = 0;

/** @type {Map<string, Intl.DateTimeFormat>} */
const formats = new Map();

/** @param {'minutes' | 'seconds' | 'day' | 'full'} cut @param {boolean} inUtc */
function format(cut, inUtc) {
  const key = `${cut} ${inUtc}`;
  let found = formats.get(key);
  if (!found) {
    /** @type {Intl.DateTimeFormatOptions} */
    const clock = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' };
    /** @type {Intl.DateTimeFormatOptions} */
    const date = { day: 'numeric', month: 'short' };
    const options = {
      minutes: clock,
      seconds: { ...clock, second: '2-digit' },
      day: { ...date, ...clock },
      full: { ...date, year: 'numeric', ...clock, second: '2-digit', timeZoneName: 'short' },
    }[cut];
    found = new Intl.DateTimeFormat('en-GB', /** @type {Intl.DateTimeFormatOptions} */ (
      inUtc ? { ...options, timeZone: 'UTC' } : options));
    formats.set(key, found);
  }
  return found;
}

/** Whether times are shown in UTC. */
export const inUtc = () => utc;

/** @param {boolean} wanted */
export function showUtc(wanted) {
  utc = wanted;
  localStorage.setItem(KEY, wanted ? 'yes' : 'no');
}

/** The name of the zone that times are shown in. */
export function zone() {
  if (utc) return 'UTC';
  const part = format('full', false).formatToParts(0).find(({ type }) => type === 'timeZoneName');
  return part?.value ?? 'local time';
}

/** @param {string} asOf The collector's time in an answer that has just come. */
export function setClock(asOf) {
  const at = Date.parse(asOf);
  if (Number.isFinite(at)) ahead = at - Date.now();
}

/** The collector's time now. */
export const now = () => Date.now() + ahead;

/** @param {string | number | null | undefined} moment */
const valid = (moment) => moment !== null && moment !== undefined && Number.isFinite(new Date(moment).getTime());

/**
 * A moment as text: hours and minutes, with seconds, or with its day.
 * @param {string | number | null | undefined} moment @param {'minutes' | 'seconds' | 'day'} [cut]
 */
export const clock = (moment, cut = 'seconds') => (
  valid(moment) ? format(cut, utc).format(new Date(/** @type {string} */ (moment))) : DASH);

/** In full, in both zones. @param {string | number} moment */
export function inFull(moment) {
  const at = new Date(moment);
  const universal = format('full', true).format(at);
  return utc ? universal : `${format('full', false).format(at)} · ${universal}`;
}

/**
 * A moment with a hint that has it in full.
 * @param {string | null | undefined} moment @param {'minutes' | 'seconds' | 'day'} [cut]
 */
export const at = (moment, cut = 'seconds') => (valid(moment)
  ? h('time', { datetime: moment, title: inFull(/** @type {string} */ (moment)) }, clock(moment, cut)) : DASH);

/** How long ago a moment is; {@link tick} keeps it true. @param {string | null | undefined} moment @param {string} [after] */
export const ago = (moment, after = ' ago') => (valid(moment) ? h('time', {
  datetime: moment, title: inFull(/** @type {string} */ (moment)), 'data-ago': after,
}, age(now() - Date.parse(/** @type {string} */ (moment))) + after) : DASH);

/** Lets every age on the page grow. */
export function tick() {
  for (const element of /** @type {NodeListOf<HTMLTimeElement>} */ (document.querySelectorAll('time[data-ago]'))) {
    const text = age(now() - Date.parse(element.dateTime)) + (element.dataset.ago ?? '');
    if (element.textContent !== text) element.textContent = text;
  }
}
