// Targets: found as one types, filtered and ordered by the collector, a page at a time, however many there are.

import { byId, h, paint } from '../dom.js';
import { count, millis, num } from '../format.js';
import { link, requery, toTarget } from '../route.js';
import { ago } from '../time.js';
import { VERDICTS } from '../words.js';
import { legend, strip, summed } from '../charts/strip.js';
import { badge, empty, found, instead, underMaintenance } from '../parts/marks.js';
import { table } from '../parts/table.js';

/** @typedef {import('../types.js').Listed} Listed */

const ROWS = 50;
const TYPING_MS = 120;
const TAGS_MAX = 3;
const CATEGORIES_MAX = 200;
const STRIP_PX = 180;
/** What stands in the address, so that a view can be sent on. */
const FILTERS = /** @type {const} */ (['q', 'verdict', 'category', 'vantage', 'label', 'sort']);

/** The places in the list where the pages before began. @type {{of: string, cursors: string[]}} */
const pages = { of: '', cursors: [] };
/** The timer of what was entered and is not read yet: until then no answer that arrives may put the old words back. */
let typing = 0;

/** @param {Record<string, string>} query */
const filtered = (query) => FILTERS.some((name) => name !== 'sort' && query[name]);

/** @type {import('../view.js').View} */
export const targets = {
  title: () => 'Targets',

  mount(root, { route, rewant, entry }) {
    const pick = (/** @type {string} */ id, /** @type {string} */ name, /** @type {[string, string][]} */ options) => h('label', {}, name,
      h('select', { id }, options.map(([value, text]) => h('option', { value }, text))));
    const field = (/** @type {string} */ id, /** @type {string} */ name, /** @type {import('../dom.js').Attributes} */ attributes, /** @type {string} */ kind = '') => (
      h('label', { class: kind }, name, h('input', { id, autocomplete: 'off', spellcheck: 'false', ...attributes })));
    paint(root,
      h('div', { class: 'bar' }, h('h1', {}, 'Targets'), h('p', { id: 'total', class: 'note', role: 'status' })),
      h('form', { id: 'filter', class: 'filter', role: 'search', 'aria-label': 'Filter the targets' },
        field('q', 'Search', { type: 'search', placeholder: 'words in the name or the URL', maxlength: 200 }, 'grow'),
        pick('verdict', 'Verdict', [['', 'any'], ...Object.keys(VERDICTS).map((v) => /** @type {[string, string]} */ ([v, v]))]),
        field('category', 'Category', { list: 'categories', placeholder: 'any', maxlength: 255 }),
        h('datalist', { id: 'categories' }),
        pick('vantage', 'Vantage', [['', 'any']]),
        field('label', 'Label', { placeholder: 'name=value', maxlength: 300 }),
        pick('sort', 'Order', [['', 'by name'], ['-since', 'latest change first'], ['-latency', 'slowest first']]),
        h('button', { id: 'clear', type: 'reset' }, 'Clear')),
      legend(),
      h('div', { id: 'list', class: 'card flush' }),
      h('nav', { class: 'pages', 'aria-label': 'Pages of the list' },
        h('button', { id: 'prev', type: 'button' }, '← Before'), h('span', { id: 'page', class: 'note' }),
        h('button', { id: 'next', type: 'button' }, 'Next →')));
    const form = /** @type {HTMLFormElement} */ (byId('filter'));
    const input = (/** @type {string} */ id) => /** @type {HTMLInputElement} */ (byId(id));
    for (const name of FILTERS) if (name !== 'vantage') input(name).value = route().query[name] ?? '';
    const read = () => {
      typing = 0;
      if (!form.isConnected) return; // The reader has gone on to another view.
      requery(route(), Object.fromEntries(FILTERS.map((name) => [name, input(name).value.trim()])));
    };
    form.addEventListener('input', () => {
      clearTimeout(typing);
      typing = setTimeout(read, TYPING_MS);
    });
    form.addEventListener('submit', (event) => event.preventDefault());
    form.addEventListener('reset', () => {
      clearTimeout(typing);
      typing = 0;
      requery(route(), {});
    });
    byId('next').addEventListener('click', () => {
      const list = entry('list');
      if (!list.current || !list.data.next_cursor) return; // A second click would skip a page that nobody saw.
      pages.cursors.push(list.data.next_cursor);
      rewant();
    });
    byId('prev').addEventListener('click', () => {
      pages.cursors.pop();
      rewant();
    });
  },

  sources({ query }) {
    const { q, verdict, category, vantage, label = '', sort } = query;
    const of = JSON.stringify(FILTERS.map((name) => query[name]));
    if (pages.of !== of) Object.assign(pages, { of, cursors: [] });
    const [name, value] = label.split(/=(.*)/s);
    return {
      list: {
        path: 'api/v1/targets', every: 3000, on: ['verdict', 'reset'],
        query: {
          q, verdict, category, vantage, sort, limit: ROWS, cursor: pages.cursors.at(-1),
          ...(name && value ? { [`label.${name}`]: value } : {}),
        },
      },
    };
  },

  draw({ route: { query }, entry }) {
    const list = entry('list');
    for (const name of typing ? [] : FILTERS) {
      const field = /** @type {HTMLInputElement} */ (byId(name));
      if (field !== document.activeElement && name !== 'vantage') field.value = query[name] ?? '';
    }
    drawVantages(entry('vantages').data?.vantages ?? [], typing ? null : query.vantage ?? '');
    const bad = query.label && !/^[^=]+=./.test(query.label);
    byId('list').toggleAttribute('data-old', !list.current && list.data !== undefined);
    byId('list').setAttribute('aria-busy', String(!list.current));
    const gone = instead(list, 'This collector cannot list targets.');
    /** @type {{targets: Listed[], total: number, next_cursor: string | null}} */
    const page = list.data ?? { targets: [], total: 0, next_cursor: null };
    paint(byId('list'), gone ?? (page.targets.length ? rows(page.targets, query)
      : filtered(query) ? empty('No target matches.', 'Search looks for every word in the name or the URL. Clear a filter to see more.')
      : empty('There are no targets.', 'The target file is being read, or it has no good row.')));
    paint(byId('total'), gone ? '' : bad ? 'a label is written name=value'
      : filtered(query) ? count(page.total, 'target matches', 'targets match') : count(page.total, 'target'));
    const first = pages.cursors.length * ROWS;
    paint(byId('page'), page.targets.length ? `${num(first + 1)}–${num(first + page.targets.length)} of ${num(page.total)}` : '');
    /** @type {HTMLButtonElement} */ (byId('prev')).disabled = pages.cursors.length === 0;
    /** @type {HTMLButtonElement} */ (byId('next')).disabled = !list.current || !page.next_cursor;
    suggest(page.targets);
  },
};

/** @param {import('../types.js').Vantage[]} vantages @param {string | null} chosen null: it stays as it is */
function drawVantages(vantages, chosen) {
  const names = new Set([...vantages.map(({ name }) => name), ...(chosen ? [chosen] : [])]);
  const select = /** @type {HTMLSelectElement} */ (byId('vantage'));
  paint(select, h('option', { value: '' }, 'any'), [...names].sort().map((name) => h('option', { value: name }, name)));
  if (chosen !== null) select.value = chosen;
}

/** The categories seen so far are offered while one types. @param {Listed[]} list */
function suggest(list) {
  const offered = byId('categories');
  const known = new Set([...offered.children].map((option) => /** @type {HTMLOptionElement} */ (option).value));
  for (const { category } of list) {
    if (!category || known.has(category) || known.size >= CATEGORIES_MAX) continue;
    known.add(category);
    offered.append(h('option', { value: category }));
  }
}

/** @param {Listed} target @param {Record<string, string>} query */
function named(target, query) {
  const labels = Object.entries(target.labels ?? {});
  const tags = [
    ...(target.category ? [{ text: target.category, change: { category: target.category } }] : []),
    ...labels.map(([key, value]) => ({ text: `${key}=${value}`, change: { label: `${key}=${value}` } })),
  ];
  return [
    h('div', { class: 'title' }, h('a', { class: 'name cut', href: toTarget(target.name), title: target.name }, target.name),
      tags.length ? h('span', { class: 'tags' }, tags.slice(0, TAGS_MAX).map(({ text, change }) => h('a', {
        class: 'tag cut', href: link('targets', { ...query, ...change }), title: `Only ${text}`,
      }, text)), tags.length > TAGS_MAX ? h('small', {}, `+${tags.length - TAGS_MAX}`) : null) : null),
    h('span', { class: 'url cut', title: target.url }, target.url),
  ];
}

/** @param {Listed[]} list @param {Record<string, string>} query */
function rows(list, query) {
  const strips = list.some((target) => target.last_hour);
  return table('Targets', [
    ['Verdict', 'word bare'], ['Target', 'name bare'], ...(strips ? [/** @type {[string, string]} */ (['Past hour', 'strip-cell'])] : []),
    ['Result', 'result'], ['Latency', 'n'], ['Since', 'n', 'since when it has this verdict'], ['Every', 'n spare'],
    ['Last probe', 'n spare', 'planned start of its newest result'],
  ], list.map((target) => ({
    key: target.name,
    cells: [badge(target.verdict), named(target, query),
      ...(strips ? [target.last_hour ? strip(target.last_hour.cells, STRIP_PX, `Past hour, ${summed(target.last_hour)}`, target.last_hour.maintenance) : h('small', {}, '–')] : []),
      [found(target), target.maintenance ? underMaintenance(target.maintenance) : null], millis(target.latency_ms), ago(target.since), target.interval, ago(target.last_planned)],
  })));
}
