// A target now: a card for each vantage, and what is wrong in plain words.

import { h } from '../dom.js';
import { bytes, millis } from '../format.js';
import { ago, at, now } from '../time.js';
import { FAILURES, explain } from '../words.js';
import { phases } from '../charts/phases.js';
import { strip, summed } from '../charts/strip.js';
import { badge, empty } from './marks.js';

/** @typedef {import('../types.js').Target} Target */
/** @typedef {import('../types.js').At} At */
/** @typedef {import('../types.js').Probe} Probe */

const DAY_MS = 86_400_000;
const SOON_DAYS = 21;
const STRIP_PX = 340;

/** Whether a result was as expected. @param {Probe} probe */
const well = (probe) => !probe.error && !probe.unexpected;

/** @param {Probe} probe */
export const outcome = (probe) => (probe.error ? [h('b', {}, probe.error), ' ', FAILURES[probe.error] ?? '']
  : [h('b', {}, probe.status ?? '–'), probe.unexpected ? ` answered, not the ${probe.unexpected} expected` : ' as expected']);

/** How long a certificate is good for. @param {string} expires */
export function certificate(expires) {
  const days = Math.floor((Date.parse(expires) - now()) / DAY_MS);
  const text = days < 0 ? `expired ${-days} d ago` : `${days} d left`;
  return h('span', { class: days < SOON_DAYS ? 'bad' : null }, text, ' (', at(expires, 'day'), ')');
}

/** What is wrong, once for all vantages that see the same. @param {Target} target */
export function wrong(target) {
  // What is not fresh any more says nothing about now; what agents refuse to dial never was evidence, and is told.
  const tells = (/** @type {At} */ { verdict, newest }) => verdict === 'down' || verdict === 'partial' || newest?.error === 'blocked';
  const failing = target.vantages.filter((one) => one.newest && !well(one.newest) && tells(one));
  if (target.paused || !failing.length) return null;
  /** @type {Map<string, {probe: Probe, places: string[]}>} */
  const kinds = new Map();
  for (const { vantage, newest } of failing) {
    const probe = /** @type {Probe} */ (newest);
    const key = `${probe.error} ${probe.status} ${probe.unexpected}`;
    const kind = kinds.get(key) ?? { probe, places: [] };
    kind.places.push(vantage);
    kinds.set(key, kind);
  }
  return h('section', { class: 'card wrong', 'data-v': target.verdict, 'aria-labelledby': 'wrong-h' }, h('h2', { id: 'wrong-h' }, 'What is wrong'),
    [...kinds.values()].map(({ probe, places }) => {
      const { text, check } = explain(probe);
      const where = places.length === target.vantages.length ? (places.length > 1 ? 'From everywhere ' : '') : `From ${places.join(', ')} `;
      const said = where + text;
      return h('div', {}, h('p', { class: 'plainly' }, said[0].toUpperCase() + said.slice(1), '.'),
        probe.cause ? h('p', { class: 'cause' }, probe.cause) : null,
        check ? h('p', {}, check) : null);
    }));
}

/** @param {Target} target */
export function drawNow(target) {
  if (target.paused) return empty('This target is paused.', 'Its row says so; take paused away, and it is probed again.');
  if (!target.vantages.length) return empty('Nobody is asked to probe this target.', 'Its vantages column names places that do not exist here, or no agent has come yet.');
  const longest = Math.max(0, ...target.vantages.map(({ newest }) => newest?.latency_ms ?? 0));
  return h('div', { class: 'vantages' }, target.vantages.map((one) => vantage(one, target, longest)));
}

/** @param {At} one @param {Target} target @param {number} longest */
function vantage(one, target, longest) {
  const { newest } = one;
  const row = (/** @type {string} */ name, /** @type {import('../dom.js').Child} */ value) => h('div', {}, h('dt', {}, name), h('dd', {}, value));
  return h('section', { class: 'card vantage', 'data-key': one.vantage, 'aria-label': `From ${one.vantage}` },
    h('header', {}, h('h2', {}, one.vantage), badge(one.verdict)),
    one.last_hour ? strip(one.last_hour.cells, STRIP_PX, `Past hour, ${summed(one.last_hour)}`, one.last_hour.maintenance) : null,
    newest ? [
      h('p', { class: 'outcome' }, outcome(newest), ' ', h('b', { class: 'took' }, millis(newest.latency_ms))),
      phases(newest, longest),
      h('dl', { class: 'facts' },
        row('Probed', [ago(newest.started), ' by ', h('span', { class: 'cut' }, newest.agent), newest.zone ? ` in ${newest.zone}` : '']),
        newest.address ? row('Address', newest.address) : null,
        newest.protocol ? row('Protocol', [newest.protocol, newest.tls ? `, ${newest.tls}` : '']) : null,
        newest.redirects ? row('Redirects', [String(newest.redirects), newest.location ? `, to ${newest.location}` : '']) : null,
        newest.certificate_expires ? row('Certificate', [certificate(newest.certificate_expires), newest.certificate_issuer ? h('small', {}, ' by ', newest.certificate_issuer) : null]) : null,
        row('Expected', target.expect_status || '200-399'),
        row('Next', one.next_planned ? at(one.next_planned) : '–'))]
      : empty('No result yet.', one.next_planned ? ['The next probe is planned for ', at(one.next_planned), '.'] : null),
    changed(one), evidence(one), compare(one));
}

/** What the server itself said, of an answer that was not as expected. @param {At} one */
function evidence({ vantage, newest }) {
  if (!newest || well(newest)) return null;
  const headers = Object.entries(newest.headers ?? {});
  const body = newest.body_start;
  if (!headers.length && !body) return null;
  return h('details', {}, h('summary', {}, 'What the server said'),
    headers.length ? h('dl', { class: 'facts said-by' }, headers.map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value)))) : null,
    body ? h('pre', { class: 'body', tabindex: 0, role: 'region', 'aria-label': `The beginning of the body, ${vantage}` }, body) : null,
    body && typeof newest.body_bytes === 'number' ? h('p', { class: 'note' }, `The beginning of ${bytes(newest.body_bytes)}.`) : null);
}

/** What changed between the last success and the newest failure, while it fails. @param {At} one */
function changed({ verdict, changed: what }) {
  if (!what || verdict === 'up' || verdict === 'degraded') return null;
  const { status, address, redirect, certificate: cert, slow_phase: slow } = what;
  const parts = [
    status && `it found ${status.failure} instead of ${status.success}`, address && `the address is ${address.failure} instead of ${address.success}`,
    redirect && `it redirects to ${redirect.failure || 'nowhere'} instead of ${redirect.success || 'nowhere'}`,
    cert && 'the certificate is another one', slow && `${slow.phase} took ${millis(slow.failure_ms)} instead of ${millis(slow.success_ms)}`,
  ].filter((part) => typeof part === 'string');
  return parts.length ? h('p', { class: 'note' }, h('b', {}, 'Since the last success: '), parts.join('; '), '.') : null;
}

/** The newest failure against the last success. @param {At} one */
function compare({ vantage, last_success: good, newest_failure: bad }) {
  if (!bad) return null;
  const line = (/** @type {string} */ name, /** @type {(probe: Probe) => import('../dom.js').Child} */ of) => h('tr', {},
    h('th', { scope: 'row' }, name), h('td', {}, of(bad)), h('td', {}, good ? of(good) : '–'));
  const phase = (/** @type {Probe} */ probe) => Object.entries(probe.phases_ms).filter(([, ms]) => ms > 0)
    .map(([name, ms]) => `${name} ${millis(ms)}`).join(', ') || '–';
  return h('details', {}, h('summary', {}, 'Newest failure against last success'), h('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': `Failure against success, ${vantage}` },
    h('table', { class: 'compare' },
      h('thead', {}, h('tr', {}, h('td', {}), h('th', { scope: 'col' }, 'Failure'), h('th', { scope: 'col' }, 'Success'))),
      h('tbody', {},
        line('When', ({ started }) => at(started, 'day')), line('Result', outcome), line('Took', (probe) => millis(probe.latency_ms)),
        line('Phases', phase), line('Address', ({ address }) => address ?? '–'), line('Agent', ({ agent, zone }) => `${agent} (${zone})`),
        line('Certificate', ({ certificate_expires: c }) => (c ? at(c, 'day') : '–')), line('Cause', ({ cause }) => cause ?? '–')))));
}
