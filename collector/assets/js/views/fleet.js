// Fleet: vantages, their zones and agents; what each holds, and how it is doing.

import { byId, h, paint } from '../dom.js';
import { bytes, count, millis, num, offset } from '../format.js';
import { ago } from '../time.js';
import { empty, instead, stateBadge } from '../parts/marks.js';
import { behind, places, stateOf, worries } from '../parts/places.js';
import { table } from '../parts/table.js';

/** @typedef {import('../types.js').Agent} Agent */
/** @typedef {import('../parts/table.js').Row} Row */

const ROWS_MAX = 400; // More are counted, not drawn: the page has to stay usable with any fleet.
const REFUSED_MAX = 20;

/** @type {import('../view.js').View} */
export const fleet = {
  title: () => 'Fleet',

  mount(root) {
    paint(root,
      h('div', { class: 'bar' }, h('h1', {}, 'Fleet'), h('p', { id: 'fleet-note', class: 'note' })),
      h('div', { id: 'places', class: 'places' }),
      h('section', { class: 'card flush', 'aria-labelledby': 'agents-h' },
        h('header', {}, h('h2', { id: 'agents-h' }, 'Agents')), h('div', { id: 'agents' })),
      h('div', { id: 'refused' }));
  },

  sources: () => ({}),

  draw({ entry }) {
    const agents = /** @type {Agent[]} */ (entry('agents').data?.agents ?? []);
    const list = places(entry('vantages').data?.vantages ?? [], agents);
    const connected = agents.filter(({ state }) => state === 'connected').length;
    paint(byId('fleet-note'), agents.length ? `${num(connected)} of ${count(agents.length, 'agent')} connected` : '');
    paint(byId('places'), list.map(place));
    /** @type {Row[]} */
    const rows = list.flatMap(({ name, agents: here }) => [{ group: h('b', {}, name) }, ...(here.length ? here.map(row)
      : [{ cells: [h('small', {}, 'nobody'), ...Array(COLUMNS.length - 1).fill('')] }])]);
    paint(byId('agents'), instead(entry('agents'), 'This collector cannot list agents.') ?? (agents.length
      ? [table('Agents by vantage', COLUMNS, rows.slice(0, ROWS_MAX)),
        rows.length > ROWS_MAX ? h('p', { class: 'note' }, `and ${num(rows.length - ROWS_MAX)} more lines`) : null]
      : empty('No agent has connected yet.', ['Start one where you want to probe from: ',
        h('code', {}, 'zonewatch-agent run --collector http://HOST:50051 --vantage NAME')])));
    drawRefused(agents);
  },
};

/** One vantage with its zones. @param {import('../parts/places.js').Place} place */
function place({ name, state, targets, lastSeen, agents }) {
  const there = agents.filter((agent) => agent.state !== 'lost');
  const zones = [...new Set(agents.map(({ zone }) => zone))];
  return h('section', { class: 'card place', 'data-key': name, 'aria-label': `Vantage ${name}` },
    h('h2', {}, name, ' ', h('small', {}, state)),
    h('p', {}, h('b', {}, num(targets)), ' targets from here, ', h('b', {}, num(there.length)), there.length === 1 ? ' agent' : ' agents',
      there.length ? '' : [', last seen ', ago(lastSeen)]),
    h('ul', { class: 'zones' }, zones.map((zone) => {
      const inside = agents.filter((agent) => agent.zone === zone);
      const up = inside.filter(({ state: s }) => s === 'connected').length;
      return h('li', { 'data-empty': up === 0 }, h('span', { class: 'cut', title: zone }, zone || '(no zone)'),
        h('span', {}, `${num(up)} of ${num(inside.length)}`), h('span', {}, count(inside.reduce((n, a) => n + a.targets, 0), 'target')));
    })),
    zones.length === 1 && there.length ? h('p', { class: 'note' }, 'One zone only: if it fails, nobody probes from here.') : null);
}

/** @type {import('../parts/table.js').Column[]} */
const COLUMNS = [
  ['Agent', 'agent'], ['Zone', 'word'], ['State', 'word'], ['Targets', 'n', 'how many it holds now'],
  ['In flight', 'n', 'probes running, of how many at once'], ['Waiting', 'n spare', 'probes due that wait for room'],
  ['Late by', 'n', 'how late it starts probes'], ['Outbox', 'n', 'results not acknowledged yet'],
  ['Behind', 'n', 'how long ago everything planned had been delivered'],
  ['Clock', 'n', 'how far its wall clock is ahead of the collector’s; probes go by the collector’s'],
  ['Connected', 'n spare'], ['Last heard', 'n'],
];

/** @param {Agent} agent @returns {Row} */
function row(agent) {
  const lost = agent.state === 'lost'; // What a lost agent said last is not how it is now.
  const late = behind(agent);
  const now = [
    `${num(agent.in_flight)} / ${num(agent.capacity)}`, num(agent.waiting), millis(agent.lateness_ms), bytes(agent.outbox_bytes),
    late === null ? '–' : millis(late),
    h('span', { title: typeof agent.clock_error_ms === 'number' ? `give or take ${millis(agent.clock_error_ms)}` : null }, offset(agent.clock_offset_ms)),
  ];
  return { key: agent.id, cells: [
    [h('b', { class: 'cut', title: agent.id }, agent.id), h('small', {}, agent.version, agent.settings?.applied ? ` · settings ${agent.settings.applied}` : ''),
    lost ? null : worries(agent).map((text) => h('small', { class: 'worry' }, text))],
    h('span', { class: 'cut', title: agent.zone }, agent.zone), stateBadge(stateOf(agent)),
    [num(agent.targets), agent.shards && !lost ? h('small', {}, count(agent.shards, 'shard')) : null],
    ...(lost ? now.map(() => '–') : now), ago(agent.connected_since), ago(agent.last_heard),
  ] };
}

/** @param {Agent[]} agents */
function drawRefused(agents) {
  const all = agents.flatMap((agent) => agent.refused.map((refused) => ({ ...refused, agent: agent.id })));
  paint(byId('refused'), all.length ? h('section', { class: 'card', 'aria-labelledby': 'refused-h' },
    h('header', {}, h('h2', { id: 'refused-h' }, 'Targets that agents cannot take')),
    h('ul', { class: 'plain' }, all.slice(0, REFUSED_MAX).map(({ name, reason, agent }) => h('li', {}, h('b', {}, name), `: ${reason} `, h('small', {}, agent)))),
    all.length > REFUSED_MAX ? h('p', { class: 'note' }, `and ${num(all.length - REFUSED_MAX)} more`) : null) : null);
}
