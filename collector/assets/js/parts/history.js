// How a target has been: its hours with the bounds of their uptime, its slots one by one, its latency from each vantage.

import { h, paint } from '../dom.js';
import { count, millis, num, own, percent, sum } from '../format.js';
import { at, clock } from '../time.js';
import { FAILURES, REASONS } from '../words.js';
import { drawHours } from '../charts/hours.js';
import { drawLines } from '../charts/lines.js';
import { scrub } from '../charts/scrub.js';
import { strip } from '../charts/strip.js';
import { empty } from './marks.js';
import { table } from './table.js';

/** @typedef {import('../types.js').History} History */
/** @typedef {import('../types.js').Slot} Slot */

const VANTAGES_MAX = 5;
const SLOTS_SHOWN = 120; // In a strip: more would be too narrow to point at.
const TABLE_MAX = 100;
const POINTS_MAX = 60;
const MINUTE_MS = 60_000;
/** Steps of time that a clock has, in minutes. */
const STEPS = [1, 2, 5, 10, 15, 20, 30, 60, 120, 180, 360, 720, 1440];

/** The skeleton: drawn once, filled by {@link drawHistory}. */
export const historyParts = () => [
  h('div', { id: 'hours' }, h('div', { class: 'plot', 'aria-label': 'Hours' }), h('p', { class: 'account note' })),
  h('details', {}, h('summary', {}, 'Hours as a table'), h('div', { id: 'hours-table', class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'Hours as a table' })),
  h('h3', {}, 'Latency from each vantage'),
  h('div', { id: 'by-vantage' }, h('div', { class: 'plot', 'aria-label': 'Latency from each vantage' }), h('p', { class: 'account note' })),
  h('h3', {}, 'Probe by probe'),
  h('div', { id: 'slots' }),
  h('details', {}, h('summary', {}, 'Probes as a table'), h('div', { id: 'slots-table', class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'Probes as a table' })),
];

/** What became of a slot, as a letter of a strip. @param {Slot} slot */
function letter({ state, error, unexpected }) {
  if (state === 'missed') return 'm';
  if (state === 'open') return 'o';
  return error || unexpected ? 'f' : 'u';
}

/** @param {Slot} slot */
function became(slot) {
  if (slot.state === 'missed') return `missed: ${own(REASONS, slot.missed ?? '') ?? slot.missed}`;
  if (slot.state === 'open') return 'running';
  if (slot.error) return `${slot.error}: ${own(FAILURES, slot.error) ?? 'no answer'}`;
  return slot.unexpected ? `${slot.status}, not the ${slot.unexpected} expected` : `${slot.status} as expected`;
}

/** A readable account of one slot. @param {Slot} slot */
const account = (slot) => [`${clock(slot.planned, 'day')}: ${became(slot)}`, slot.maintenance ? 'under maintenance, left out of uptime' : '', slot.latency_ms === null ? '' : millis(slot.latency_ms),
  slot.agent ? `by ${slot.agent}${slot.zone ? ` (${slot.zone})` : ''}` : ''].filter(Boolean).join(', ');

/** @param {Slot[]} slots newest first */
function places(slots) {
  return [...new Set(slots.map(({ vantage }) => vantage))].sort().slice(0, VANTAGES_MAX);
}

/** @param {Element} root the skeleton's place @param {History} history */
export function drawHistory(root, history) {
  const part = (/** @type {string} */ id) => /** @type {HTMLElement} */ (root.querySelector(`#${id}`));
  drawHours(part('hours'), history.hours);
  paint(part('hours-table'), table('Hours', [['Hour'], ['Uptime', 'n', 'what was missed counted as down, and as up'], ['Probes', 'n'], ['Missed', 'n'], ['No answer', 'n'], ['p50', 'n'], ['p99', 'n'], ['Final', 'word']],
    history.hours.slice(0, TABLE_MAX).map((hour) => ({ key: hour.start, cells: [at(hour.start, 'day'),
      hour.uptime ? `${percent(hour.uptime.low)} … ${percent(hour.uptime.high)}` : '–',
      `${num(hour.slots.received)} of ${num(hour.slots.expected)}`, num(sum(hour.slots.missed)), num(sum(hour.failures)),
      millis(hour.latency_ms.p50), millis(hour.latency_ms.p99), hour.final ? 'yes' : 'not yet'] }))));
  drawLatency(part('by-vantage'), history.slots);
  drawSlots(part('slots'), history);
  paint(part('slots-table'), table('Probes', [['Planned'], ['From'], ['Result'], ['Latency', 'n'], ['By']],
    history.slots.slice(0, TABLE_MAX).map((slot) => ({ key: `${slot.planned} ${slot.vantage}`, cells: [at(slot.planned, 'day'), slot.vantage, became(slot),
      millis(slot.latency_ms), slot.agent ? `${slot.agent} ${slot.zone ?? ''}` : '–'] }))));
}

/** The median of each step of time, a line a vantage. @param {Element} root @param {Slot[]} slots newest first */
function drawLatency(root, slots) {
  const answered = slots.filter((slot) => typeof slot.status === 'number' && slot.latency_ms !== null);
  const times = answered.map(({ planned }) => Date.parse(planned));
  const [from, last] = [Math.min(...times), Math.max(...times)];
  const wanted = Math.min(POINTS_MAX, Math.max(1, Math.floor(answered.length / Math.max(1, places(answered).length))));
  const step = MINUTE_MS * (STEPS.find((minutes) => minutes * MINUTE_MS * wanted >= last - from) ?? STEPS[STEPS.length - 1]);
  const first = Math.floor(from / step) * step;
  const n = answered.length ? Math.floor((last - first) / step) + 1 : 0;
  const lines = places(answered).map((name) => {
    /** @type {number[][]} */
    const buckets = Array.from({ length: n }, () => []);
    for (const slot of answered) {
      if (slot.vantage === name) buckets[Math.min(n - 1, Math.floor((Date.parse(slot.planned) - first) / step))].push(slot.latency_ms ?? 0);
    }
    return { name, values: buckets.map((bucket) => bucket.sort((a, b) => a - b)[Math.floor(bucket.length / 2)] ?? null) };
  });
  const starts = Array.from({ length: n }, (_, i) => new Date(first + i * step).toISOString());
  drawLines(root, starts, lines, last - from > 86_400_000 ? 'day' : 'minutes');
}

/** @param {Element} root @param {History} history */
function drawSlots(root, { slots, slots_from: from }) {
  const names = places(slots);
  const of = (/** @type {string} */ name) => slots.filter(({ vantage }) => vantage === name).slice(0, SLOTS_SHOWN).reverse();
  paint(root, names.length ? names.map((name) => h('div', { class: 'slots', 'data-key': name },
    h('p', { class: 'note' }, h('b', {}, name), `, the newest ${count(of(name).length, 'probe')}`),
    h('div', { class: 'slot-plot', role: 'slider', tabindex: 0, 'aria-label': `Probes from ${name}` }), h('p', { class: 'account note' })))
    : empty('No single probes are kept for this time.', from ? ['They are there from ', at(from, 'day'), ' on.'] : null));
  for (const name of names) {
    const place = [...root.querySelectorAll('.slots')].find((one) => /** @type {HTMLElement} */ (one).dataset.key === name);
    if (!place) continue;
    const list = of(name);
    const plot = /** @type {HTMLElement} */ (place.querySelector('.slot-plot'));
    const width = Math.min(plot.clientWidth || 600, list.length * 14);
    paint(plot, strip(list.map(letter).join(''), width, null, list.map((slot) => (slot.maintenance ? 'w' : '.')).join('')));
    const words = /** @type {Element} */ (place.querySelector('.account'));
    scrub(plot, words, 'Point at a probe, or use the arrow keys, to read it.', {
      count: list.length,
      account: (i) => account(list[i]),
      find: (fraction) => Math.floor((fraction * (plot.clientWidth || width)) / (width / list.length)),
      mark: () => {},
    });
  }
}
