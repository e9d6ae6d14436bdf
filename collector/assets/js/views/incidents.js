// Incidents: what is open, newest first, and what is over.

import { byId, h, paint } from '../dom.js';
import { count, num } from '../format.js';
import { link } from '../route.js';
import { empty, instead } from '../parts/marks.js';
import { incidentList, newestFirst } from '../parts/incidents.js';

/** @typedef {import('../types.js').Incidents} Incidents */

const SHOWN = 50;
const ALL = 1000; // As many as the collector keeps of those that are over.
const NAMED = 3;

/** How many are asked for. @param {Record<string, string>} query */
const limit = ({ all }) => (all ? ALL : SHOWN);

/** @type {import('../view.js').View} */
export const incidents = {
  title: () => 'Incidents',

  mount(root) {
    const card = (/** @type {string} */ id, /** @type {string} */ text) => h('section', { class: 'card', 'aria-labelledby': `${id}-h` },
      h('header', {}, h('h2', { id: `${id}-h` }, text), h('p', { class: 'note', id: `${id}-note` })), h('div', { id }));
    paint(root, h('div', { class: 'bar' }, h('h1', {}, 'Incidents'), h('p', { id: 'incidents-note', class: 'note', role: 'status' })),
      card('open', 'Open'), card('over', 'Over'));
  },

  sources({ query }) {
    const list = (/** @type {string} */ state) => ({
      path: 'api/v1/incidents', query: { state, limit: limit(query), members: NAMED }, every: 3000, on: ['incident', 'verdict', 'reset'],
    });
    return { open: list('open'), over: list('closed') };
  },

  draw({ route, entry }) {
    draw('open', entry('open'), route.query, empty('No incident is open.', 'Whatever turns down, or fails from some places, is gathered for ten seconds, and told here.'));
    draw('over', entry('over'), route.query, empty('None is over yet.'));
    const open = /** @type {Incidents | undefined} */ (entry('open').data)?.open ?? 0;
    paint(byId('incidents-note'), entry('open').data ? (open ? `${num(open)} open` : 'none open') : '');
  },
};

/** @param {string} id @param {import('../sources.js').AnyEntry} entry @param {Record<string, string>} query @param {Node} none */
function draw(id, entry, query, none) {
  /** @type {Incidents} */
  const { incidents: list, next_cursor: more, open } = entry.data ?? { incidents: [], next_cursor: null, open: 0 };
  const rest = id === 'open' ? count(open - list.length, 'more incident') : 'Older ones';
  paint(byId(id), instead(entry, 'This collector groups no outages; a newer one does.') ?? (list.length
    ? [incidentList(id === 'open' ? newestFirst(list) : list), !more ? null : h('p', { class: 'note' }, query.all ? `The newest ${num(list.length)}; the API has the others.`
      : h('a', { href: link('incidents', { all: 'yes' }) }, rest))]
    : none));
}
