// What stands above everything because it changes how the rest is to be read.

import { h } from '../dom.js';
import { count, num, phrase } from '../format.js';
import { link, toIncident } from '../route.js';
import { glyph } from './marks.js';
import { stateOf } from './places.js';

/** @typedef {import('../types.js').Agent} Agent */
/** @typedef {{key: string, kind: 'bad' | 'warn' | 'info', first: string, rest?: import('../dom.js').Child}} Banner */

const LINES_MAX = 100;
const PLACES_MAX = 4;

/** How many agents a vantage lacks. @param {import('../types.js').Vantage} vantage */
const want = ({ name, capacity }) => `${name}: about ${count(capacity?.more_agents ?? 0, 'more agent')} (some ${num(Math.ceil(capacity?.needed ?? 0))} probes at once are needed, there is room for ${num(capacity?.at_once)})`;

const sentence = (/** @type {string} */ text) => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

/** @param {Banner} banner */
const line = ({ key, kind, first, rest }) => h('div', { class: `banner ${kind}`, 'data-key': key }, glyph(kind === 'info' ? 'info' : 'warn'),
  h('div', {}, h('b', {}, first), ' ', rest));

/**
 * @param {object} seen
 * @param {Agent[] | undefined} seen.agents @param {import('../types.js').Vantage[] | undefined} seen.vantages
 * @param {import('../types.js').Rejected | undefined} seen.rejected
 * @param {string | null} seen.unwell what the collector says is wrong with itself
 * @param {{problem: string | null} | undefined} seen.settings
 * @param {import('../types.js').Incident | undefined} seen.blind the newest open incident of the monitor itself
 */
export function banners({ agents, vantages, rejected, unwell, settings, blind }) {
  /** @type {Banner[]} */
  const list = [];
  if (unwell) list.push({ key: 'unwell', kind: 'bad', first: 'The collector is unwell.', rest: unwell });
  // That nobody probes is said below, with what to do.
  if (blind && blind.cause.kind !== 'no_agents') {
    list.push({ key: 'blind', kind: 'bad', first: 'The monitor itself is blind.', rest: [sentence(blind.title), ' ', h('a', { href: toIncident(blind.id) }, 'See the incident.')] });
  }
  if (agents) list.push(...fleet(agents, vantages ?? []));
  const short = (vantages ?? []).filter(({ capacity }) => capacity && capacity.more_agents > 0);
  if (short.length) list.push({ key: 'short', kind: 'warn', first: 'The list needs more agents.', rest: phrase(short.slice(0, PLACES_MAX).map(want)) });
  if (settings?.problem) {
    list.push({ key: 'settings', kind: 'warn', first: 'The agents’ settings cannot be read; those from before hold.', rest: settings.problem });
  }
  if (rejected?.problem) {
    list.push({ key: 'file', kind: 'warn', first: 'The target file cannot be read; the targets from before go on.', rest: rejected.problem });
  }
  if (rejected && rejected.total > 0) list.push(rows(rejected));
  return list.map(line);
}

/** @param {Agent[]} agents @param {import('../types.js').Vantage[]} vantages @returns {Banner[]} */
function fleet(agents, vantages) {
  const working = agents.filter(({ state }) => state === 'connected');
  const toFleet = h('a', { href: link('fleet') }, 'See the fleet.');
  if (!working.length) {
    return [{
      key: 'none', kind: 'bad', first: 'No agent is connected, so nothing is probed.',
      rest: ['Start ', h('code', {}, 'zonewatch-agent run --collector http://HOST:50051'), ', or the collector with ',
        h('code', {}, '--local-agents 3'), '.'],
    }];
  }
  /** @type {Banner[]} */
  const list = [];
  const named = (/** @type {Agent[]} */ some) => phrase([...new Set(some.map(({ vantage }) => vantage))].slice(0, PLACES_MAX));
  const empty = vantages.filter(({ state, name }) => state === 'active' && !working.some(({ vantage }) => vantage === name));
  if (empty.length) {
    list.push({
      key: 'nobody', kind: 'bad', first: `Nobody probes from ${phrase(empty.slice(0, PLACES_MAX).map(({ name }) => name))}.`,
      rest: ['What is due from there is missed. ', toFleet],
    });
  }
  const missing = agents.filter(({ state }) => state === 'silent' || state === 'lost');
  if (missing.length) {
    list.push({
      key: 'missing', kind: 'warn', first: `${count(missing.length, 'agent')} missing in ${named(missing)}.`,
      rest: ['Others take over what they held. ', toFleet],
    });
  }
  const suspect = agents.filter((agent) => stateOf(agent) === 'suspect');
  if (suspect.length) {
    list.push({
      key: 'suspect', kind: 'warn', first: `${count(suspect.length, 'agent')} under suspicion in ${named(suspect)}.`,
      rest: ['They alone see failures: what they find does not count. ', toFleet],
    });
  }
  return list;
}

/** @param {import('../types.js').Rejected} rejected @returns {Banner} */
function rows({ total, rows: first, file }) {
  const shown = first.slice(0, LINES_MAX);
  const more = total > shown.length ? `The first ${num(shown.length)}:` : '';
  return {
    key: 'rejected', kind: 'warn', first: `${count(total, 'row')} of the target file ${total === 1 ? 'is' : 'are'} left out; the other rows run.`,
    rest: h('details', { class: 'rejected' }, h('summary', {}, 'Which, and why'), h('p', { class: 'note' }, file, ' ', more),
      h('ul', {}, shown.map((row) => h('li', {}, h('b', {}, `line ${row.line}`), row.name ? [' ', h('span', { class: 'cut' }, row.name)] : null,
        ': ', row.reason)))),
  };
}
