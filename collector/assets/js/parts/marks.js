// Verdicts and states as marks: a form and a word each, colour only on top.

import { h, s } from '../dom.js';
import { own } from '../format.js';
import { at } from '../time.js';
import { AGENT_STATES, FAILURES, STATUSES, VERDICTS } from '../words.js';

const FORMS = new Set([...Object.keys(VERDICTS), 'warn', 'info', 'connected', 'draining', 'silent', 'suspect', 'lost', 'blind', 'certificate', 'maintenance']);

/** The form of a verdict or a state. @param {string} name */
export const glyph = (name) => s('svg', { class: 'glyph', viewBox: '0 0 16 16', 'aria-hidden': 'true' },
  s('use', { href: `#g-${FORMS.has(name) ? name : 'unknown'}` }));

/** @param {string} verdict */
export const badge = (verdict) => h('span', { class: 'badge', 'data-v': verdict, title: own(VERDICTS, verdict) },
  glyph(verdict), verdict);

/** A verdict where there is no room for its word; it is there for those who do not see the form. @param {string} verdict */
export const sign = (verdict) => h('span', { class: 'sign', 'data-v': verdict, title: verdict }, glyph(verdict),
  h('span', { class: 'unseen' }, `${verdict}: `));

/** @param {string} state of an agent */
export const stateBadge = (state) => h('span', { class: 'badge state', 'data-state': state, title: own(AGENT_STATES, state) },
  glyph(state), state);

/** That a target is under maintenance, and until when; nothing if it is not. @param {string | null | undefined} until */
export const underMaintenance = (until) => (until ? h('span', { class: 'quieted', title: 'What it fails by now is marked, left out of uptime, and told to nobody.' },
  glyph('maintenance'), 'maintenance until ', at(until, 'minutes')) : null);

/** What a probe found, in a word or two. @param {{status: number | null, error: string | null, paused: boolean}} target */
export function found(target) {
  if (target.error) return [h('b', {}, target.error), ' ', h('small', {}, own(FAILURES, target.error) ?? '')];
  if (typeof target.status === 'number') return [h('b', {}, target.status), ' ', h('small', {}, own(STATUSES, String(target.status)) ?? '')];
  return h('small', {}, target.paused ? 'not probed' : 'no result yet');
}

/** @param {import('../dom.js').Child} text @param {import('../dom.js').Child} [next] what to do next */
export const empty = (text, next) => h('div', { class: 'empty' }, h('p', {}, text), next ? h('p', { class: 'note' }, next) : null);

/** What stands where an answer is not there yet. */
export const loading = () => h('p', { class: 'empty loading' }, 'Loading…');

/**
 * What stands where an answer did not come: null if it is there.
 * @param {import('../sources.js').AnyEntry} entry @param {string} absent what is said if this collector has no such route
 */
export function instead(entry, absent) {
  if (entry.data !== undefined) return null;
  if (entry.absent) return empty(absent);
  if (entry.error instanceof Error) return empty(`This could not be read: ${entry.error.message || 'the collector cannot be reached'}.`);
  return loading();
}
