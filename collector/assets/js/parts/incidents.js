// Incidents in lines: what belongs together, since when, how many have it, and what they share.

import { h } from '../dom.js';
import { age, count, num, own, phrase } from '../format.js';
import { link, toIncident } from '../route.js';
import { ago } from '../time.js';
import { CAUSES, SHARED } from '../words.js';
import { glyph } from './marks.js';

/** @typedef {import('../types.js').Incident} Incident */

const NAMED_MAX = 3;

/** The form and the word of an incident: that the monitor is blind is no outage, and what is over is neither. @param {Incident} incident @returns {[form: string, word: string]} */
function formOf({ kind, state, severity }) {
  if (state === 'closed') return ['up', 'over'];
  if (kind === 'blind') return ['blind', 'the monitor itself'];
  if (kind === 'certificate') return ['certificate', 'certificate'];
  return severity === 'critical' ? ['down', 'outage'] : ['partial', 'regional problem'];
}

/** @param {Incident} incident */
export function incidentSign(incident) {
  const [form, word] = formOf(incident);
  return h('span', { class: 'sign', 'data-v': form, title: word }, glyph(form), h('span', { class: 'unseen' }, `${word}: `));
}

/** The same with its word, where there is room. @param {Incident} incident */
export function incidentBadge(incident) {
  const [form, word] = formOf(incident);
  return h('span', { class: 'badge', 'data-v': form }, glyph(form), word);
}

/** What those who have it share, in words. @param {Incident} incident */
export function shared({ cause: { kind, value } }) {
  const words = own(CAUSES, kind) ?? kind;
  return own(SHARED, kind) ? `${words} ${value}` : words;
}

/** How many have it, or had it. @param {Incident} incident */
export function size({ kind, state, members: { now, peak } }) {
  if (kind === 'blind') return 'no target’s fault';
  if (state === 'closed') return `${count(peak, 'target')} at most`;
  return `${count(now, 'target')}${peak > now ? ` (${num(peak)} at most)` : ''}`;
}

/** How long it lasted. @param {Incident} incident */
export const lasted = ({ opened, closed }) => (closed ? age(Date.parse(closed) - Date.parse(opened)) : '');

/** The first of those who have it. @param {Incident} incident */
function who({ state, members, targets }) {
  const named = targets.filter(({ name, left }) => name !== null && left === null).map(({ name }) => String(name)).slice(0, NAMED_MAX);
  if (state === 'closed' || members.now < 2 || !named.length) return '';
  const more = members.now - named.length;
  return `: ${phrase(more > 0 ? [...named, `${num(more)} more`] : named)}`;
}

/** @param {Incident} incident */
function item(incident) {
  const { id, title, opened, closed, flaps, cause } = incident;
  const alone = cause.kind === 'target';
  return h('li', { class: 'incident', 'data-key': id, 'data-kind': incident.kind }, incidentSign(incident),
    h('a', { class: 'title', href: toIncident(id) }, title),
    h('span', { class: 'since' }, ago(closed ?? opened)),
    h('span', { class: 'what' }, size(incident), who(incident), alone ? '' : `; ${shared(incident)}`,
      closed ? `; lasted ${lasted(incident)}` : '', flaps ? `; came back ${num(flaps)} ×` : ''));
}

/** "2026-11-26T21:40": what begins within a minute is one piece of news. @param {Incident} incident */
const minute = ({ opened }) => opened.slice(0, 16);

/** What is news among those of one minute: that the monitor is blind, then how many have it. @param {Incident} incident */
const weight = ({ kind, members }) => (kind === 'blind' ? Number.MAX_SAFE_INTEGER : members.now);

/** The newest first, and of those that began in one minute the weightiest. @param {Incident[]} list */
export const newestFirst = (list) => [...list].sort((a, b) => (
  minute(b).localeCompare(minute(a)) || weight(b) - weight(a) || b.opened.localeCompare(a.opened)));

/** @param {Incident[]} list */
export const incidentList = (list) => h('ul', { class: 'items incidents' }, list.map(item));

/** What follows the first few. @param {number} more how many there are beside them @param {string} state */
export const andMore = (more, state) => (more > 0
  ? h('p', { class: 'note' }, h('a', { href: link('incidents') }, `${num(more)} more ${state === 'open' ? 'open' : 'over'}`)) : null);
