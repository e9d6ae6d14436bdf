// Overview: in three seconds whether the URLs are well, in ten what is wrong and since when.

import { byId, h, paint } from '../dom.js';
import { count, millis, num, own, phrase, sum } from '../format.js';
import { link, requery, toTarget } from '../route.js';
import { ago, at } from '../time.js';
import { FAILURES, REASONS, STATUSES, VERDICTS } from '../words.js';
import { drawLines } from '../charts/lines.js';
import { cutOf } from '../charts/scale.js';
import { drawRounds, legend } from '../charts/rounds.js';
import { empty, found, glyph, instead, sign, stateBadge, underMaintenance } from '../parts/marks.js';
import { bars, ofCode } from '../parts/counts.js';
import { drawHeadline } from '../parts/headline.js';
import { andMore, incidentList, newestFirst } from '../parts/incidents.js';
import { behind, places, stateOf, worries } from '../parts/places.js';
import { table } from '../parts/table.js';

/** @typedef {import('../types.js').Summary} Summary */

const SHOWN = 8;
const OPEN = 6;
const OVER = 4;
const PLACES_MAX = 3;
const TARGETS = 'api/v1/targets';

const title = (/** @type {string} */ id, /** @type {string} */ text, /** @type {string} */ note = '') => h('header', {},
  h('h2', { id: `${id}-h` }, text), h('p', { class: 'note', id: `${id}-note` }, note));
const card = (/** @type {string} */ id, /** @type {string} */ text, /** @type {string} */ size, /** @type {import('../dom.js').Child[]} */ ...inside) => (
  h('section', { class: `card ${size}`, 'aria-labelledby': `${id}-h` }, title(id, text), inside));

/** @type {import('../view.js').View} */
export const overview = {
  title: () => 'Overview',

  mount(root, { route }) {
    const vantage = h('select', { id: 'vantage' });
    vantage.addEventListener('change', () => requery(route(), { ...route().query, vantage: vantage.value }));
    paint(root,
      h('div', { class: 'bar' }, h('h1', {}, 'Overview'), h('label', {}, 'Seen from ', vantage)),
      h('section', { id: 'headline', class: 'card headline', 'aria-label': 'In short' }),
      h('nav', { id: 'tiles', class: 'tiles', 'aria-label': 'Targets by verdict' }),
      h('div', { class: 'board' },
        card('incidents', 'Open incidents', 'w8', h('div', { id: 'incidents' })),
        card('over', 'Ended lately', 'w4', h('div', { id: 'over' })),
        card('rounds', 'The past hour, round by round', 'w7', h('div', { id: 'rounds' },
          h('div', { id: 'legend' }), h('div', { class: 'plot', 'aria-label': 'Rounds of the past hour' }),
          h('p', { class: 'account note' })),
        h('details', {}, h('summary', {}, 'As a table'), h('div', { id: 'rounds-table', class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'Rounds as a table' }))),
        card('latency', 'Latency of answers', 'w5', h('div', { id: 'latency' },
          h('p', { id: 'latency-now', class: 'figures' }), h('div', { class: 'plot', 'aria-label': 'Latency by round' }), h('p', { class: 'account note' }))),
        card('outages', 'Down now', 'w4', h('div', { id: 'outages' })),
        card('regional', 'Regional problems', 'w4', h('div', { id: 'regional' })),
        card('changes', 'Newest changes', 'w4', h('div', { id: 'changes' })),
        card('fleet', 'Vantages and agents', 'w12', h('div', { id: 'fleet' })),
        card('codes', 'Answers by status code', 'w4', h('div', { id: 'codes' })),
        card('failures', 'Probes without an answer', 'w4', h('div', { id: 'failures' })),
        card('missed', 'Probes that did not run', 'w4', h('div', { id: 'missed' }))));
  },

  sources({ query: { vantage } }) {
    const list = (/** @type {string} */ verdict) => ({
      path: TARGETS, query: { verdict, vantage, sort: '-since', limit: SHOWN }, every: 3000, on: ['verdict', 'reset'],
    });
    return {
      summary: { path: 'api/v1/summary', query: { window: '1h', vantage }, every: 2000, on: ['verdict', 'round', 'reset'] },
      over: { path: 'api/v1/incidents', query: { state: 'closed', limit: OVER, members: 0 }, every: 5000, on: ['incident', 'reset'] },
      down: list('down'),
      partial: list('partial'),
      changes: { path: 'api/v1/changes', query: { limit: SHOWN }, every: 3000, on: ['verdict', 'reset'] },
    };
  },

  draw({ entry, route }) {
    const { vantage = '' } = route.query;
    const summary = entry('summary');
    const vantages = entry('vantages').data?.vantages ?? [];
    drawPlaces(vantages, vantage);
    paint(byId('headline'), instead(summary, 'This collector has no summary.') ?? drawHeadline(summary.data, nobody(entry('agents'))));
    drawTiles(summary.data, vantage);
    if (summary.data) drawSummary(summary.data);
    const judged = (/** @type {Summary | undefined} */ s) => (s ? s.targets.up + s.targets.degraded + s.targets.partial + s.targets.down : 0);
    const nothing = judged(summary.data) ? 'Nothing is down.' : 'Nothing has been judged yet.';
    drawList('outages', entry('down'), nothing, 'down', vantage);
    drawList('regional', entry('partial'), 'No target fails from some places only.', 'partial', vantage, failingFrom(entry('changes')));
    drawIncidents(entry('incidents'), entry('over'));
    drawChanges(entry('changes'));
    drawFleet(vantages, entry('agents'));
  },
};

/** Whether it is known that no agent is connected. @param {import('../sources.js').AnyEntry} entry */
const nobody = ({ data }) => Boolean(data) && !data.agents.some((/** @type {import('../types.js').Agent} */ { state }) => state === 'connected');

/** @param {import('../types.js').Vantage[]} vantages @param {string} chosen */
function drawPlaces(vantages, chosen) {
  const names = new Set([...vantages.map(({ name }) => name), ...(chosen ? [chosen] : [])]);
  const select = /** @type {HTMLSelectElement} */ (byId('vantage'));
  paint(select, h('option', { value: '' }, 'all vantages'), [...names].sort().map((name) => h('option', { value: name }, name)));
  select.value = chosen;
}

/** They are there before their numbers: what is below them does not move. @param {Summary | undefined} summary @param {string} vantage */
function drawTiles(summary, vantage) {
  paint(byId('tiles'), Object.entries(VERDICTS).map(([verdict, meaning]) => {
    const n = summary?.targets[/** @type {'up'} */ (verdict)];
    return h('a', { class: 'tile', 'data-v': verdict, 'data-none': !n, href: link('targets', { verdict, vantage }) },
      h('span', { class: 'name' }, glyph(verdict), verdict), h('b', {}, num(n)), h('small', {}, meaning));
  }));
}

/** @param {Summary} summary */
function drawSummary(summary) {
  const { slots, status_codes: codes, failures, latency_ms: latency, rounds } = summary;
  const there = new Set(rounds.flatMap((round) => [
    ...Object.keys(round.status_codes).map(ofCode), sum(round.failures) && 'p-fail', sum(round.missed) && 'p-miss', round.open && 'p-open',
  ]).filter(Boolean).map((name) => String(name).slice(2)));
  paint(byId('legend'), legend(there));
  drawRounds(byId('rounds'), rounds);
  paint(byId('rounds-table'), roundsTable(summary));
  const shown = /** @type {const} */ (['p50', 'p90', 'p99', 'max']);
  paint(byId('latency-now'), shown.map((key) => h('span', {}, h('small', {}, key), ' ', h('b', {}, millis(latency[key])))));
  const oldest = rounds.toReversed();
  const lines = /** @type {const} */ (['p50', 'p95', 'p99']).map((name) => ({ name, values: oldest.map((r) => r.latency_ms?.[name] ?? null) }));
  const starts = oldest.map(({ start }) => start);
  drawLines(byId('latency'), starts, lines, cutOf(starts));
  paint(byId('codes'), sum(codes) ? bars(codes, ofCode, (code) => own(STATUSES, code)) : empty('No answers yet.'));
  paint(byId('failures'), sum(failures) ? bars(failures, () => 'p-fail', (key) => own(FAILURES, key))
    : empty(sum(codes) ? 'None: every probe that ran was answered.' : 'No probe has ended yet.'));
  paint(byId('missed'), sum(slots.missed) ? bars(slots.missed, () => 'p-miss', (key) => own(REASONS, key))
    : empty(slots.received ? 'None: every planned probe ran.' : 'None so far.'));
  const { status, body } = summary.unexpected;
  byId('codes-note').textContent = status || body ? `${num(status)} not the status expected, ${num(body)} not the body` : '';
}

/** @param {import('../sources.js').AnyEntry} open @param {import('../sources.js').AnyEntry} over */
function drawIncidents(open, over) {
  const absent = 'This collector groups no outages; a newer one does.';
  /** @type {import('../types.js').Incidents} */
  const { incidents, open: all } = open.data ?? { incidents: [], open: 0, next_cursor: null };
  const shown = newestFirst(incidents).slice(0, OPEN);
  paint(byId('incidents'), instead(open, absent) ?? (shown.length
    ? [incidentList(shown), andMore(all - shown.length, 'open')]
    : empty('None: there is nothing that people should be told of.')));
  const ended = /** @type {import('../types.js').Incident[]} */ (over.data?.incidents ?? []);
  paint(byId('over'), instead(over, absent) ?? (ended.length
    ? [incidentList(ended), h('p', { class: 'note' }, h('a', { href: link('incidents') }, 'All incidents'))]
    : empty('No incident has ended yet.')));
}

/** @param {Summary} summary */
function roundsTable({ rounds }) {
  return table('Rounds of the past hour', [['Start'], ['Planned', 'n'], ['Received', 'n'], ['4xx', 'n'], ['5xx', 'n'], ['No answer', 'n'], ['Missed', 'n'], ['Running', 'n']],
    rounds.slice(0, 120).map((round) => {
      const codes = (/** @type {string} */ first) => Object.entries(round.status_codes).reduce((n, [code, c]) => n + (code[0] === first ? c : 0), 0);
      return { cells: [at(round.start), num(round.expected), num(round.received), num(codes('4')), num(codes('5')),
        num(sum(round.failures)), num(sum(round.missed)), num(round.open)] };
    }));
}

/** @param {import('../types.js').Listed} target @param {string} from where it fails, if that is known */
const item = (target, from) => h('li', { 'data-key': target.name }, sign(target.verdict),
  h('a', { class: 'cut', href: toTarget(target.name), title: target.name }, target.name),
  h('span', { class: 'what' }, found(target), from, target.maintenance ? [', ', underMaintenance(target.maintenance)] : ''), h('span', { class: 'since' }, ago(target.since)));

/** From where a target fails, if a change of these says it. @param {import('../sources.js').AnyEntry} changes */
const failingFrom = (changes) => (/** @type {string} */ target) => {
  const all = /** @type {import('../types.js').Change[]} */ (changes.data?.changes ?? []);
  const places = all.find(({ name }) => name === target)?.failing.map(({ vantage }) => vantage) ?? [];
  return places.length ? `, from ${phrase(places.slice(0, PLACES_MAX))}` : '';
};

/** @param {string} id @param {import('../sources.js').AnyEntry} entry @param {string} none @param {string} verdict @param {string} vantage @param {(name: string) => string} [from] */
function drawList(id, entry, none, verdict, vantage, from = () => '') {
  const { targets = [], total = 0 } = entry.data ?? {};
  paint(byId(id), instead(entry, 'This collector cannot list targets.') ?? (targets.length
    ? [h('ul', { class: 'items' }, targets.map((/** @type {import('../types.js').Listed} */ target) => item(target, from(target.name)))),
      total > targets.length ? h('p', { class: 'note' }, h('a', { href: link('targets', { verdict, vantage, sort: '-since' }) }, `All ${num(total)}`)) : null]
    : empty(none)));
}

/** @param {import('../sources.js').AnyEntry} entry */
function drawChanges(entry) {
  const changes = /** @type {import('../types.js').Change[]} */ (entry.data?.changes ?? []);
  paint(byId('changes'), instead(entry, 'This collector does not tell changes; a newer one does.') ?? (changes.length
    ? h('ul', { class: 'items' }, changes.map(({ id, name, from, to, at: when }) => h('li', { 'data-key': id }, sign(to),
      h('a', { class: 'cut', href: toTarget(name), title: name }, name), h('span', { class: 'what' }, `${from} → `, h('b', {}, to)),
      h('span', { class: 'since' }, ago(when)))))
    : empty('No verdict has changed in the past day.')));
}

/** @param {import('../types.js').Vantage[]} vantages @param {import('../sources.js').AnyEntry} entry */
function drawFleet(vantages, entry) {
  const agents = /** @type {import('../types.js').Agent[]} */ (entry.data?.agents ?? []);
  const rows = places(vantages, agents).filter((place) => place.state !== 'retired' || place.agents.length).map((place) => {
    const there = place.agents.filter(({ state }) => state !== 'lost');
    const late = there.map(behind).filter((ms) => ms !== null);
    const wrong = [...place.agents.map(stateOf).filter((state) => state !== 'connected')];
    const states = [...new Set(wrong)].map((state) => [stateBadge(state), ` ${wrong.filter((s) => s === state).length} `]);
    return { key: place.name, cells: [
      h('a', { href: link('fleet') }, place.name),
      [h('b', {}, num(there.filter(({ state }) => state === 'connected').length)), ` of ${count(place.agents.length, 'agent')} connected `, states],
      count(new Set(there.map(({ zone }) => zone)).size, 'zone'),
      num(place.targets),
      num(there.reduce((n, { in_flight: running }) => n + running, 0)),
      late.length ? millis(Math.max(...late)) : '–',
      phraseOf(there.flatMap(worries)),
    ] };
  });
  paint(byId('fleet'), instead(entry, 'This collector cannot list agents.') ?? (rows.length
    ? table('Vantages', [['Vantage', 'word'], ['Agents'], ['Zones', 'word'], ['Targets', 'n'], ['In flight', 'n', 'probes running now'],
      ['Behind', 'n', 'how long ago everything planned had been delivered'], ['Worries']], rows)
    : empty('No agent has connected yet.', 'Start one: zonewatch-agent run --collector http://HOST:50051')));
}

/** @param {string[]} worries */
const phraseOf = (worries) => (worries.length ? `${worries[0]}${worries.length > 1 ? ` (and ${worries.length - 1} more)` : ''}` : h('small', {}, 'none'));
