// A table whose rows become cards on a narrow screen; the roles keep it a table for assistive technology there.

import { h } from '../dom.js';

/** @typedef {import('../dom.js').Child} Child */
/** A column: its name, its class, and an explanation. @typedef {[name: string, kind?: string, note?: string]} Column */
/** @typedef {{cells: Child[], key?: string} | {group: Child}} Row */

/** @param {string} label @param {Column[]} columns @param {Row[]} rows */
export function table(label, columns, rows) {
  const line = (/** @type {Row} */ row) => ('group' in row
    ? h('tr', { role: 'row', class: 'group' },
      h('th', { role: 'rowheader', scope: 'rowgroup', colspan: columns.length }, row.group))
    : h('tr', { role: 'row', 'data-key': row.key }, row.cells.map((content, i) => h('td', {
      role: 'cell', 'data-label': columns[i][0], class: columns[i][1],
    }, h('div', {}, content)))));
  return h('table', { role: 'table', 'aria-label': label },
    h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' }, columns.map(([name, kind, note]) => (
      h('th', { role: 'columnheader', scope: 'col', class: kind, title: note }, name))))),
    h('tbody', { role: 'rowgroup' }, rows.map(line)));
}
