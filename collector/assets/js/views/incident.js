// One incident: what it is, since when, what those who have it share, and the evidence by which each joined.

import { byId, h, paint } from '../dom.js';
import { count, num, own } from '../format.js';
import { link, toTarget } from '../route.js';
import { ago, at } from '../time.js';
import { explain, KINDS, LEFT } from '../words.js';
import { incidentBadge, lasted, shared } from '../parts/incidents.js';
import { badge, empty, found, glyph, instead } from '../parts/marks.js';
import { table } from '../parts/table.js';

/** @typedef {import('../types.js').Incident} Incident */
/** @typedef {import('../types.js').Member} Member */

const NAMED = 100;
const NAMED_MAX = 1000; // The API's most.
const PATH = 'api/v1/incidents';

/** @type {import('../view.js').View} */
export const incident = {
  title: () => 'Incident',

  mount(root) {
    paint(root,
      h('p', { class: 'crumbs' }, h('a', { href: link('incidents') }, 'Incidents'), ' ›'),
      h('div', { id: 'head', class: 'target-head' }, h('h1', {}, 'Incident')),
      h('div', { id: 'why' }),
      h('section', { class: 'card flush', 'aria-labelledby': 'members-h' },
        h('header', {}, h('h2', { id: 'members-h' }, 'Who has it'), h('p', { id: 'members-note', class: 'note', role: 'status' })), h('div', { id: 'members', class: 'members' })));
  },

  sources({ name, query }) {
    return { incident: {
      path: PATH, query: { id: name, members: query.all ? NAMED_MAX : NAMED }, every: 3000, on: ['incident', 'verdict', 'reset'], strict: true,
    } };
  },

  draw({ route, entry }) {
    const answer = entry('incident');
    const gone = instead(answer, 'This collector groups no outages; a newer one does.');
    /** @type {Incident | undefined} */
    const found = answer.data?.incidents[0];
    byId('members-h').hidden = !found;
    if (gone || !found) {
      paint(byId('members'), gone ?? empty('There is no such incident.', ['Of those that are over the newest thousand are kept. ', h('a', { href: link('incidents') }, 'All that there are'), '.']));
      return;
    }
    drawHead(found);
    paint(byId('why'), why(found));
    drawMembers(found, Boolean(route.query.all));
  },
};

/** @param {Incident} incident */
function drawHead(incident) {
  const { id, title, kind, opened, closed, flaps, labels } = incident;
  paint(byId('head'),
    h('h1', {}, title),
    h('p', { class: 'said' }, incidentBadge(incident), h('span', {}, own(KINDS, kind) ?? kind)),
    h('p', { class: 'note times' }, closed ? ['from ', at(opened, 'day'), ' to ', at(closed, 'day'), `: it lasted ${lasted(incident)}`]
      : ['open since ', at(opened, 'day'), ', ', ago(opened)],
    flaps ? `; came back ${num(flaps)} × within an hour` : '', '; ', h('code', {}, id)),
    Object.keys(labels).length ? h('p', { class: 'tags' }, Object.entries(labels).map(([name, value]) => h('a', {
      class: 'tag cut', href: link('targets', name === 'category' ? { category: value } : { label: `${name}=${value}` }),
    }, `${name}=${value}`))) : null);
}

/** What they share, and what to check first: by what most of those that are named here showed. @param {Incident} incident */
function why(incident) {
  const { kind, severity, state } = incident;
  const check = kind === 'failing' ? checkOf(incident) : null;
  return h('section', { class: 'card wrong', 'data-v': state === 'closed' ? 'up' : kind === 'blind' ? 'blind' : severity === 'critical' ? 'down' : 'partial', 'aria-labelledby': 'why-h' },
    h('h2', { id: 'why-h' }, kind === 'blind' ? 'What it lacks' : 'What they share'),
    h('div', {}, h('p', { class: 'plainly' }, sentence(shared(incident))),
      check ? [h('p', {}, sentence(check.text)), h('p', {}, check.check)] : null,
      kind === 'blind' ? h('p', {}, 'This says nothing against any target: what was not seen is missed, not down.') : null));
}

const sentence = (/** @type {string} */ text) => `${text[0].toUpperCase()}${text.slice(1)}.`;

/** @param {Incident} incident */
function checkOf({ targets }) {
  /** @type {Map<string, {n: number, first: Member}>} */
  const alike = new Map();
  for (const one of targets) {
    if (!one.error && !one.unexpected) continue;
    const key = `${one.error} ${one.status} ${one.unexpected}`;
    const known = alike.get(key) ?? { n: 0, first: one };
    known.n += 1;
    alike.set(key, known);
  }
  const [most] = [...alike.values()].sort((a, b) => b.n - a.n);
  if (!most) return null;
  const { text, check } = explain(most.first);
  return { check, text: alike.size > 1 ? `${num(most.n)} of ${num(targets.length)} alike: ${text}` : text };
}

/** @param {Incident} incident @param {boolean} all */
function drawMembers({ id, kind, members: { now, peak }, targets, state }, all) {
  const there = targets.filter(({ name }) => name !== null);
  paint(byId('members-note'), kind === 'blind' ? '' : state === 'closed' ? `nobody any more; ${count(peak, 'target')} at most` : `${count(now, 'target')} now, ${num(peak)} at most`);
  const whole = targets.length < (all ? NAMED_MAX : NAMED);
  paint(byId('members'), there.length
    ? [table('Members', COLUMNS, there.map((member) => ({ key: `${member.name} ${member.left}`, cells: row(member) }))),
      whole ? null : h('p', { class: 'note more' }, `The first ${num(there.length)}. `, all ? 'The API has no more than these.'
        : h('a', { href: link(`incident/${encodeURIComponent(id)}`, { all: 'yes' }) }, `Up to ${num(NAMED_MAX)}`))]
    : empty(kind === 'blind' ? 'No target: the monitor itself does.' : 'Those who had it have left the target file.'));
}

/** @type {import('../parts/table.js').Column[]} */
const COLUMNS = [
  ['State', 'word bare'], ['Target', 'name bare'], ['Evidence', 'evidence', 'what it joined by'],
  ['From', 'word', 'the vantage that the evidence is from, and the address that was dialled'], ['Since', 'n', 'when it joined'],
];

/** @param {Member} member */
const row = ({ name, down, left, why_left: whyLeft, status, error, vantage, address, cause, since }) => [
  left ? h('span', { class: 'badge', 'data-v': whyLeft === 'maintenance' ? whyLeft : 'up' }, glyph(whyLeft === 'maintenance' ? whyLeft : 'up'), own(LEFT, whyLeft ?? '') ?? 'left')
    : badge(down ? 'down' : 'partial'),
  h('a', { class: 'name cut', href: toTarget(name ?? ''), title: name }, name),
  [h('span', {}, found({ status, error, paused: false })), cause ? h('span', { class: 'cause', title: cause }, cause) : null],
  [h('span', {}, vantage), address ? h('small', {}, address) : null],
  [ago(since), left ? h('small', {}, 'left ', ago(left)) : null],
];
