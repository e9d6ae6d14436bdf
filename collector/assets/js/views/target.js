// One target: how it is now from each vantage, what is wrong in plain words, and how it has been.

import { byId, h, paint } from '../dom.js';
import { age, count, own } from '../format.js';
import { link } from '../route.js';
import { ago, at, now } from '../time.js';
import { VERDICTS } from '../words.js';
import { incidentList } from '../parts/incidents.js';
import { empty, glyph, instead, sign, underMaintenance } from '../parts/marks.js';
import { drawHistory, historyParts } from '../parts/history.js';
import { drawNow, wrong } from '../parts/now.js';
import { probeNow } from '../parts/probe-now.js';

/** @typedef {import('../types.js').Target} Target */

const HAD_MAX = 10;
const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const PROBE_MS = 60_000; // Its timeout is at most its interval; nobody looks at a button longer than this.

const path = (/** @type {string} */ name) => `api/v1/targets/${encodeURIComponent(name)}`;

/** @type {import('../view.js').View} */
export const target = {
  title: ({ name }) => name,

  mount(root, { route }) {
    const { name } = route();
    paint(root,
      h('p', { class: 'crumbs' }, h('a', { href: link('targets') }, 'Targets'), ' ›'),
      h('div', { id: 'head', class: 'target-head' }, h('h1', {}, name)),
      h('div', { id: 'in-incident' }),
      h('div', { id: 'wrong' }),
      h('div', { class: 'probe' }, probeNow(name, PROBE_MS)),
      h('div', { id: 'now' }),
      h('section', { class: 'card', 'aria-labelledby': 'history-h' },
        h('header', {}, h('h2', { id: 'history-h' }, 'History'), h('p', { id: 'ranges', class: 'ranges' })),
        h('div', { id: 'history', hidden: true }, historyParts()), h('div', { id: 'no-history' })),
      h('section', { class: 'card', 'aria-labelledby': 'changed-h' }, h('header', {}, h('h2', { id: 'changed-h' }, 'Changes')), h('div', { id: 'changed' })),
      h('section', { class: 'card', 'aria-labelledby': 'had-h' }, h('header', {}, h('h2', { id: 'had-h' }, 'Incidents that it has or had')), h('div', { id: 'had' })));
  },

  sources({ name, query }) {
    return {
      target: { path: path(name), every: 2000, on: ['verdict', 'reset'], strict: true },
      had: { path: 'api/v1/incidents', query: { target: name, limit: HAD_MAX, members: 0 }, every: 3000, on: ['incident', 'verdict', 'reset'], strict: true },
      changes: { path: 'api/v1/changes', query: { target: name, from: monthAgo(), limit: 20 }, every: 5000, on: ['verdict', 'reset'], strict: true },
      history: { path: `${path(name)}/history`, query: { from: since(query.range) }, every: 8000, on: ['round', 'revision', 'reset'], strict: true },
    };
  },

  draw({ route, entry }) {
    const { name } = route;
    paint(byId('ranges'), ranges(route));
    const answer = entry('target');
    if (answer.absent && !answer.data) {
      paint(byId('now'), empty(`No target is called “${name}”.`, ['It may have left the target file. ',
        h('a', { href: link('targets', { q: name }) }, 'Search for it'), '.']));
      return;
    }
    const gone = instead(answer, '');
    if (gone) {
      paint(byId('now'), gone);
      return;
    }
    /** @type {Target} */
    const found = answer.data;
    drawHead(found);
    paint(byId('wrong'), wrong(found));
    paint(byId('now'), drawNow(found));
    drawIncidents(entry('had'));
    drawChanges(entry('changes'));
    const history = entry('history');
    byId('history').hidden = !history.data;
    paint(byId('no-history'), instead(history, 'This collector keeps no history; a newer one does.'));
    if (history.data) drawHistory(byId('history'), history.data);
  },
};

/** How far back the history goes. @type {Record<string, [name: string, days: number]>} */
const RANGES = { day: ['24 hours', 1], week: ['7 days', 7], month: ['30 days', 30] };

/** The instant from which on, at a whole hour so that the question stays the same; the API's own day unless asked. @param {string | undefined} range */
function since(range) {
  const days = own(RANGES, range ?? '')?.[1];
  return days && days > 1 ? new Date(Math.floor((now() - days * DAY_MS) / HOUR_MS) * HOUR_MS).toISOString() : '';
}

/** @param {import('../route.js').Route} route */
const ranges = ({ name, query }) => Object.entries(RANGES).map(([range, [words]]) => h('a', {
  href: link(`target/${encodeURIComponent(name)}`, { range: range === 'day' ? '' : range }),
  'aria-current': (own(RANGES, query.range ?? '') ? query.range : 'day') === range ? 'true' : null,
}, words));

/** A day on which the question stays the same. */
const monthAgo = () => `${new Date(now() - 30 * DAY_MS).toISOString().slice(0, 10)}T00:00:00Z`;

/** @param {import('../sources.js').AnyEntry} entry */
function drawIncidents(entry) {
  const list = /** @type {import('../types.js').Incident[]} */ (entry.data?.incidents ?? []);
  const open = list.filter(({ state }) => state === 'open');
  paint(byId('in-incident'), open.length ? h('section', { class: 'card in-incident', 'aria-labelledby': 'in-h' },
    h('h2', { id: 'in-h' }, open.length > 1 ? 'It is part of these incidents' : 'It is part of an incident'), incidentList(open)) : null);
  paint(byId('had'), instead(entry, 'This collector groups no outages; a newer one does.') ?? (list.length ? incidentList(list) : empty('None is known.')));
}

/** @param {import('../sources.js').AnyEntry} entry */
function drawChanges(entry) {
  const changes = /** @type {import('../types.js').Change[]} */ (entry.data?.changes ?? []);
  paint(byId('changed'), instead(entry, 'This collector does not tell changes; a newer one does.') ?? (changes.length
    ? h('ul', { class: 'items' }, changes.map((change) => h('li', { 'data-key': change.id }, sign(change.to),
      h('span', {}, h('b', {}, change.to), ' ', at(change.at, 'day'), ' ', h('small', {}, change.since ? ['after ', span(change), ` ${change.from}`] : `was ${change.from}`)),
      h('span', { class: 'since' }, ago(change.at)),
      h('span', { class: 'what' }, change.failing.map((f) => `${f.vantage}: ${f.error ?? f.status ?? ''}`).join(', ')))))
    : empty('Its verdict has not changed in the past 30 days.')));
}

/** How long the verdict before lasted. @param {import('../types.js').Change} change */
const span = ({ since, at: when }) => age(Date.parse(when) - Date.parse(since ?? when));

/** @param {Target} found */
function drawHead(found) {
  const tags = [...(found.category ? [[found.category, { category: found.category }]] : []),
    ...Object.entries(found.labels).map(([key, value]) => [`${key}=${value}`, { label: `${key}=${value}` }])];
  const web = /^https?:/i.test(found.url) ? found.url : null;
  paint(byId('head'),
    h('h1', {}, found.name),
    h('p', { class: 'said', 'data-v': found.verdict }, glyph(found.verdict), h('b', {}, found.verdict),
      h('span', {}, VERDICTS[found.verdict] ?? ''), found.since ? h('span', { class: 'note' }, 'for ', ago(found.since, '')) : null, underMaintenance(found.maintenance)),
    h('p', { class: 'url' }, web ? h('a', { href: web, rel: 'noreferrer noopener', target: '_blank' }, found.url) : found.url),
    h('p', { class: 'note' }, `${found.method} every ${found.interval}, within ${found.timeout}, expects ${found.expect_status || '200-399'}, from ${count(found.vantages.length, 'vantage')}`),
    tags.length ? h('p', { class: 'tags' }, tags.map(([text, query]) => h('a', {
      class: 'tag cut', href: link('targets', /** @type {Record<string, string>} */ (query)),
    }, /** @type {string} */ (text)))) : null);
}
