// The dashboard. It reads the public API only, every two seconds while its tab is visible, oftener until the first
// result is there, and shows what it was told: old numbers are greyed and dated, sums that do not add up say so, and nothing yet is shown as nothing yet.
// Names, labels, URLs and causes are hostile input: everything reaches the page as text nodes, never as markup.

const REFRESH_MS = 2000;
const FIRST_REFRESH_MS = 500; // Until there is a first result: whoever has just started it is waiting for that.
const REQUEST_MS = 8000; // An API that takes longer than this counts as unreachable.
const TYPING_MS = 250;
const PAGE_ROWS = 50;
const BROKEN_ROWS = 10;
const AGENT_ROWS_MAX = 300; // More are counted, not drawn: the page has to stay usable with any fleet.
const REJECTED_ROWS_MAX = 100;
const TAGS_MAX = 3;
const CATEGORIES_MAX = 200;
const COUNT_ROWS_MAX = 9;
const LABELS_MAX = 8;
const COLUMNS_MAX = 60; // Rounds in the strip; with more of them, neighbours share a column.

const VERDICTS = {
  up: 'answers as expected', degraded: 'answers, but slowly', partial: 'fails from some vantages',
  down: 'fails from most vantages', unknown: 'nothing fresh to judge by', paused: 'listed, not probed',
};
const KINDS = {
  dns: 'did not resolve', connect: 'no connection', tls: 'no secure connection', timeout: 'no answer in time',
  protocol: 'not valid HTTP', redirect: 'too many or bad redirects', read: 'the answer broke off',
  blocked: 'the address is refused by policy', unknown: 'no fresh result', missed: 'did not run',
};
const REASONS = {
  no_agent: 'no agent at that vantage', agent_lost: 'its agent was lost', agent_suspect: 'its agent was under suspicion',
  agent_paused: 'its agent was frozen', agent_fault: 'its agent was out of resources', overloaded: 'its agents were full',
  buffer_full: 'its agent could not hold more results', clock_unsure: 'its agent’s clock was unsure',
  refused: 'its agent could not take the target', collector_down: 'no collector was running',
  not_reported: 'nobody said why: a bug, please report it',
};
const PARTS = [
  ['ok', 'answered 1xx–3xx'], ['err', 'answered 4xx–5xx'], ['fail', 'no answer'], ['miss', 'missed'], ['open', 'open'],
];

const $ = (id) => document.getElementById(id);
const view = { vantage: '', verdict: '', q: '', category: '', sort: 'name', cursors: [] };
// Newest answers by route, when they came, and what is wrong now.
const seen = { data: {}, at: 0, asOf: null, trouble: null, told: '' };
let pass = new AbortController(); // One pass of requests at a time; a change of the view starts a new one.
let timer = 0;

// ---- drawing -------------------------------------------------------------------------------------------------------

const SVG = new Set(['svg', 'use']);

/** What may stand in a list of children: nodes, text, numbers, lists of them; nothing (null, false, '') is left out. */
const nodes = (children) => children.flat(3)
  .filter((c) => c !== null && c !== undefined && c !== false && c !== '')
  .map((c) => (c instanceof Node ? c : document.createTextNode(String(c))));

/** An element with attributes and children; strings become text nodes. */
function h(tag, attributes = {}, ...children) {
  const el = SVG.has(tag) ? document.createElementNS('http://www.w3.org/2000/svg', tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === 'vars') for (const [key, v] of Object.entries(value)) el.style.setProperty(key, v);
    else el.setAttribute(name, value === true ? '' : String(value));
  }
  el.append(...nodes(children));
  return el;
}

/** Makes the children of `parent` like `fresh`, touching only what differs: no flicker, focus and selection stay. */
function paint(parent, ...children) {
  const fresh = nodes(children);
  fresh.forEach((node, i) => {
    const old = parent.childNodes[i];
    if (!old) parent.append(node);
    else if (old.nodeName !== node.nodeName) old.replaceWith(node);
    else if (node.nodeType === Node.TEXT_NODE) { if (old.data !== node.data) old.data = node.data; }
    else {
      for (const { name } of [...old.attributes]) if (!node.hasAttribute(name)) old.removeAttribute(name);
      for (const { name, value } of [...node.attributes]) {
        if (old.getAttribute(name) === value) continue;
        if (name === 'style') old.style.cssText = node.style.cssText; // The attribute itself is barred by the CSP.
        else old.setAttribute(name, value);
      }
      paint(old, [...node.childNodes]);
    }
  });
  while (parent.childNodes.length > fresh.length) parent.lastChild.remove();
}

const own = (table, key) => (Object.hasOwn(table, key) ? table[key] : '');
const glyph = (verdict) => h('svg', { class: 'glyph', viewBox: '0 0 16 16', 'aria-hidden': 'true' },
  h('use', { href: `#g-${own(VERDICTS, verdict) ? verdict : 'unknown'}` }));
const badge = (verdict) => h('span', { class: 'badge', 'data-v': verdict, title: own(VERDICTS, verdict) },
  glyph(verdict), verdict);
const empty = (text) => h('p', { class: 'empty' }, text);

/**
 * A table whose rows become cards on a narrow screen; the roles keep it a table for assistive technology there.
 * A column is [name, class, explanation]; a row is a list of cells, or {group} for a heading across all columns.
 */
function table(label, columns, rows) {
  const head = ([name, kind, note]) => h('th', { role: 'columnheader', scope: 'col', class: kind, title: note }, name);
  const cell = (content, i) => h('td', { role: 'cell', 'data-label': columns[i][0], class: columns[i][1] },
    h('div', {}, content));
  const heading = (content) => h('th', { role: 'rowheader', scope: 'rowgroup', colspan: columns.length }, content);
  const line = (row) => (row.group
    ? h('tr', { role: 'row', class: 'group' }, heading(row.group))
    : h('tr', { role: 'row' }, row.map(cell)));
  return h('table', { role: 'table', 'aria-label': label },
    h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' }, columns.map(head))),
    h('tbody', { role: 'rowgroup' }, rows.map(line)));
}

/** One labelled bar: `part` of the track is filled. */
const bar = (kind, key, note, part, value, share, title, track = 'track') => h('li', { 'data-kind': kind, title },
  h('span', { class: 'key' }, h('b', {}, key), note && h('small', {}, note)),
  h('span', { class: track, 'aria-hidden': 'true' }, h('i', { vars: { '--part': part } })),
  h('span', { class: 'count' }, value), share && h('small', { class: 'count' }, share));

/** Counts as labelled bars, largest first; the small ones beyond COUNT_ROWS_MAX share the last row. */
function bars(counts, kindOf, noteOf = () => '') {
  const all = Object.entries(counts).sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0]));
  const total = sum(counts);
  const some = all.slice(0, all.length > COUNT_ROWS_MAX ? COUNT_ROWS_MAX - 1 : all.length);
  const rest = all.slice(some.length);
  const row = (kind, key, note, n, title) => bar(kind, key, note, n / all[0][1], num(n), percent(n / total), title);
  const others = rest.length > 0 && row('rest', `${rest.length} others`, '', rest.reduce((sum, [, n]) => sum + n, 0),
    rest.map(([key, n]) => `${key}: ${num(n)}`).join(', '));
  return h('ul', { class: 'bars' }, some.map(([key, n]) => row(kindOf(key), key, noteOf(key), n)), others);
}

// ---- words and numbers ---------------------------------------------------------------------------------------------

const MINUTES = 16; // Where an ISO time is cut off after its minutes,
const SECONDS = 19; // or after its seconds.
const num = (n) => (typeof n === 'number' ? n.toLocaleString('en') : '–');
const sum = (counts) => Object.values(counts ?? {}).reduce((a, b) => a + b, 0);
const count = (n, one, many = `${one}s`) => `${num(n)} ${n === 1 ? one : many}`;
// Cut, never rounded up: 99.999 % is not 100 %.
const percent = (x, digits = 1) => (typeof x === 'number' && isFinite(x)
  ? `${(Math.floor(x * 100 * 10 ** digits + 1e-6) / 10 ** digits).toFixed(digits)} %` : '–');
const millis = (ms) => (typeof ms !== 'number' ? '–'
  : ms > 0 && ms < 1 ? '< 1 ms'
  : ms < 999.5 ? `${Math.round(ms)} ms`
  : `${(ms / 1000).toFixed(ms < 10000 ? 2 : 1)} s`);
const bytes = (n) => (typeof n !== 'number' ? '–'
  : n < 1024 ? `${n} B`
  : n < 1048576 ? `${(n / 1024).toFixed(1)} KiB`
  : `${(n / 1048576).toFixed(1)} MiB`);
/** A part of a moment in UTC: hours to seconds, unless told otherwise. */
const clock = (moment, to = SECONDS) => (moment ? new Date(moment).toISOString().slice(11, to) : '–');
const codeKind = (code) => (/^[123]\d\d$/.test(code) ? 'ok'
  : /^\d{3}$/.test(code) ? 'err'
  : code === 'unknown' || code === 'blocked' ? 'none'
  : 'fail');

/** The collector's time now: its last `as_of` and what has passed since, so a wrong clock here shows no wrong age. */
const now = () => (seen.asOf === null ? Date.now() : seen.asOf + performance.now() - seen.at);

function age(milliseconds) {
  const s = Math.max(0, Math.round(milliseconds / 1000));
  if (s < 90) return `${s} s`;
  if (s < 5400) return `${Math.round(s / 60)} min`;
  return s < 172800 ? `${Math.round(s / 3600)} h` : `${Math.round(s / 86400)} d`;
}
const ago = (iso) => (iso ? h('time', { datetime: iso, title: iso }, `${age(now() - Date.parse(iso))} ago`) : '–');

// ---- the sections --------------------------------------------------------------------------------------------------

function drawNow({ targets }) {
  const probed = targets.total - targets.paused;
  const from = view.vantage ? `, seen from ${view.vantage}` : '';
  const inside = (verdict, meaning) => [
    h('span', { class: 'name' }, glyph(verdict), verdict),
    h('b', { class: 'big' }, num(targets[verdict])),
    h('small', {}, meaning)];
  const tile = ([verdict, meaning]) => {
    const looks = { class: 'tile', 'data-v': verdict, 'data-none': targets[verdict] === 0 };
    const pressed = String(view.verdict === verdict);
    const title = `List the targets that are ${verdict}`;
    return h('button', { ...looks, type: 'button', 'aria-pressed': pressed, title }, inside(verdict, meaning));
  };
  const share = (verdict) => h('i', {
    'data-v': verdict, hidden: !targets[verdict], vars: { '--part': probed ? targets[verdict] / probed : 0 },
  });
  paint($('now-note'), targets.total === undefined ? ' ' : `${count(targets.total, 'target')}${from}`);
  paint($('tiles'), Object.entries(VERDICTS).map(tile));
  paint($('share'), Object.keys(VERDICTS).filter((verdict) => verdict !== 'paused').map(share));
}

function drawUptime({ uptime: settled, slots }) {
  const uptime = settled ?? {}; // Null as long as nothing is settled.
  const [low, high] = [percent(uptime.low, 2), percent(uptime.high, 2)];
  const missed = sum(slots.missed);
  paint($('uptime'),
    h('p', { class: 'big' }, low === high ? low : [low.replace(' %', ''), h('span', { class: 'to' }, '…'), high]),
    h('p', { class: 'span', 'aria-hidden': 'true' },
      settled && h('i', { vars: { '--from': uptime.low, '--to': uptime.high } })),
    h('p', { class: 'note' }, !settled ? 'Nothing is settled yet.'
      : missed === 0 ? 'No probe was missed: the bounds are one.'
      : `${count(missed, 'missed probe')}, counted as down (lower bound) or as up (upper bound).`),
    h('div', { class: 'facts' },
      h('p', {}, 'Coverage ', h('b', {}, percent(uptime.coverage, 2))),
      h('p', { class: 'note' }, 'of the settled probes have a result')));
}

function drawSlots({ slots, unexpected }) {
  const missed = sum(slots.missed);
  const gap = slots.expected - slots.received - missed - slots.open;
  const term = (sign, value, name) => h('span', { class: 'term' },
    sign && h('span', { class: 'sign' }, sign),
    h('span', {}, h('b', { class: 'big' }, num(value)), h('small', {}, name)));
  const share = ([part, n]) => h('i', {
    'data-part': part, hidden: !n, vars: { '--part': slots.expected ? n / slots.expected : 0 },
  });
  paint($('slots'),
    h('p', { class: 'equation' }, term('', slots.expected, 'expected'), term('=', slots.received, 'received'),
      term('+', missed, 'missed'), term('+', slots.open, 'open')),
    h('p', { class: 'share', 'aria-hidden': 'true' },
      [['ok', slots.received], ['miss', missed], ['open', slots.open]].map(share)),
    gap !== 0 && h('p', { class: 'bad' },
      `This does not add up: ${num(Math.abs(gap))} too ${gap > 0 ? 'few' : 'many'}. Please report it.`),
    missed ? bars(slots.missed, () => 'miss', (reason) => own(REASONS, reason))
      : h('p', { class: 'note' }, slots.expected ? 'No probe was missed.' : 'No probe was due yet.'),
    (unexpected.status > 0 || unexpected.body > 0) && h('p', { class: 'note' },
      `Answers not as expected: ${num(unexpected.status)} by status, ${num(unexpected.body)} by body.`));
}

function drawLatency({ latency_ms: latency }) {
  const at = (ms) => Math.min(1, Math.max(0, Math.log10(Math.max(ms, 1)) / 4.5)); // 1 ms … about 30 s
  const dot = (key) => bar('time', key, '', at(latency[key]), millis(latency[key]), '', null, 'track dot');
  paint($('latency'), typeof latency.p50 !== 'number' ? empty('No answers yet.') : [
    h('ul', { class: 'bars' }, ['p50', 'p90', 'p95', 'p99', 'max'].map(dot)),
    h('p', { class: 'note' }, 'Dots on a logarithmic scale, 1 ms to 30 s.')]);
}

function drawCounts({ status_codes: codes, failures }, newest) {
  paint($('newest'), sum(newest) ? bars(newest, codeKind, (key) => own(KINDS, key)) : empty('No targets yet.'));
  paint($('codes'), sum(codes) ? bars(codes, codeKind) : empty('No answers yet.'));
  paint($('failures'), sum(failures) ? bars(failures, () => 'fail', (kind) => own(KINDS, kind))
    : empty(sum(codes) ? 'None: every probe that ran was answered.' : 'No probe has ended yet.'));
}

/** Rounds newest first → columns oldest first, at most COLUMNS_MAX: neighbours are added up, none is left out. */
function columns(rounds) {
  const each = Math.max(1, Math.ceil(rounds.length / COLUMNS_MAX));
  const result = [];
  for (let i = 0; i < rounds.length; i += each) {
    const some = rounds.slice(i, i + each);
    const total = (pick) => some.reduce((n, round) => n + pick(round), 0);
    const codes = (first, last) => total(({ status_codes: all }) => Object.entries(all)
      .reduce((n, [code, c]) => n + (code[0] >= first && code[0] <= last ? c : 0), 0));
    result.unshift({
      start: some.at(-1).start, expected: total((r) => r.expected), received: total((r) => r.received),
      ok: codes('1', '3'), err: codes('4', '9'), fail: total((r) => sum(r.failures)),
      miss: total((r) => sum(r.missed)), open: total((r) => r.open),
    });
  }
  return result;
}

function drawRounds({ rounds }) {
  const list = columns(rounds);
  const highest = Math.max(1, ...list.map((c) => c.expected));
  const apart = list.length > 1 ? Date.parse(list[1].start) - Date.parse(list[0].start) : 60000;
  const labelled = Math.ceil(list.length / LABELS_MAX); // Every so many columns have their time below them.
  const words = (c) => `${clock(c.start)} UTC: ${num(c.expected)} expected; `
    + PARTS.map(([part, name]) => `${num(c[part])} ${name}`).join(', ');
  const column = (c, i) => h('li', { title: words(c) },
    h('span', { class: 'stack', 'aria-hidden': 'true', vars: { '--part': c.expected / highest } },
      PARTS.map(([part]) => h('i', { 'data-part': part, vars: { '--n': c[part] } }))),
    h('small', { 'aria-hidden': 'true' },
      (list.length - 1 - i) % labelled ? ' ' : clock(c.start, apart < 60000 ? SECONDS : MINUTES)),
    h('span', { class: 'unseen' }, words(c)));
  paint($('legend'), PARTS.map(([part, name]) => h('li', {}, h('i', { 'data-part': part }), name)));
  paint($('rounds'), list.length ? list.map(column) : h('li', { class: 'empty' }, 'No round has begun yet.'));
  const head = [['Start, UTC', 'word'], ['Expected', 'n'], ['Received', 'n'], ...PARTS.map(([, name]) => [name, 'n'])];
  paint($('rounds-table'), table('Rounds of the past hour', head, list.toReversed().map((c) => [
    clock(c.start), num(c.expected), num(c.received), ...PARTS.map(([part]) => num(c[part]))])));
}

function named(target) {
  const labels = Object.entries(target.labels ?? {}).map(([key, value]) => `${key}=${value}`);
  const tags = [target.category, ...labels].filter(Boolean);
  return [
    h('div', { class: 'line' }, h('b', { class: 'cut', title: target.name }, target.name),
      tags.slice(0, TAGS_MAX).map((tag) => h('span', { class: 'tag cut', title: tag }, tag)),
      tags.length > TAGS_MAX && h('small', { title: tags.slice(TAGS_MAX).join('\n') }, `+${tags.length - TAGS_MAX}`)),
    h('small', { class: 'cut url', title: target.url }, target.url)];
}

function found(target) {
  if (target.error) return [h('b', {}, target.error), ' ', h('small', {}, own(KINDS, target.error))];
  if (typeof target.status === 'number') return h('b', {}, target.status);
  return h('small', {}, target.paused ? 'not probed' : 'pending');
}

const TARGET_COLUMNS = [
  ['Verdict', 'word'], ['Target', 'name'], ['Result', 'result'], ['Latency', 'n'],
  ['Since', 'n', 'since when it has this verdict'], ['Every', 'n'],
  ['Last probe', 'n', 'planned start of its newest result'],
];

function drawTargets(page) {
  const first = view.cursors.length * PAGE_ROWS;
  const filtered = view.q || view.verdict || view.category || view.vantage;
  const rows = page.targets.map((t) => [badge(t.verdict), named(t), found(t),
    millis(t.latency_ms), ago(t.since), t.interval, ago(t.last_planned)]);
  paint($('list'), rows.length ? table('Targets', TARGET_COLUMNS, rows)
    : empty(filtered ? 'No target matches.' : 'There are no targets.'));
  paint($('targets-note'), filtered ? count(page.total, 'target matches', 'targets match') : count(page.total, 'target'));
  paint($('page-note'), rows.length ? `${num(first + 1)}–${num(first + rows.length)} of ${num(page.total)}` : ' ');
  $('prev').disabled = view.cursors.length === 0;
  $('next').disabled = !page.next_cursor;
  const known = new Set([...$('categories').children].map((option) => option.value));
  for (const { category } of page.targets) {
    if (!category || known.has(category) || known.size >= CATEGORIES_MAX) continue;
    known.add(category);
    $('categories').append(h('option', { value: category }));
  }
}

function drawBroken(lists, { targets }) {
  const judged = targets.up + targets.degraded + targets.partial + targets.down;
  const total = lists.reduce((n, list) => n + list.total, 0);
  const rows = lists.flatMap((list) => list.targets)
    .sort((a, b) => (b.since ?? '').localeCompare(a.since ?? '')).slice(0, BROKEN_ROWS);
  const columns = [['Verdict', 'word'], ['Target', 'name'], ['Result', 'result'], ['Since', 'n']];
  paint($('broken'),
    rows.length ? table('Newest failures', columns, rows.map((t) => [badge(t.verdict), named(t), found(t), ago(t.since)]))
      : empty(judged ? 'Nothing is down.' : 'Nothing has been judged yet.'),
    total > rows.length && h('p', { class: 'more' },
      `and ${num(total - rows.length)} more: see the list of targets below`));
}

const AGENT_COLUMNS = [
  ['Zone', 'word'], ['Agent', 'name'], ['State', 'word'], ['Targets', 'n', 'how many it holds now'],
  ['In flight', 'n', 'probes running / its capacity'], ['Waiting', 'n', 'probes due that wait for a free place'],
  ['Outbox', 'n', 'results not acknowledged yet'], ['Late by', 'n', 'how late it starts probes'], ['Connected', 'n'],
  ['Delivered', 'n', 'everything planned before this moment has been delivered'],
];

function agentRow(a) {
  // What a lost agent said last is not how it is now.
  const load = a.state === 'lost' ? ['–', '–', '–', '–']
    : [`${num(a.in_flight)} / ${num(a.capacity)}`, num(a.waiting), bytes(a.outbox_bytes), millis(a.lateness_ms)];
  return [
    h('span', { class: 'cut', title: a.zone }, a.zone),
    h('div', { class: 'line' }, h('b', { class: 'cut', title: a.id }, a.id), h('small', {}, a.version)),
    h('span', { class: 'state', 'data-state': a.state }, h('i', { 'aria-hidden': 'true' }), a.state),
    num(a.targets), ...load, ago(a.connected_since), ago(a.watermark),
  ];
}

function drawAgents(agents, vantages) {
  const connected = agents.filter((a) => a.state === 'connected').length;
  const away = agents.length - connected;
  const rows = [];
  for (const name of [...new Set([...vantages, ...agents.map((a) => ({ name: a.vantage }))].map((v) => v.name))].sort()) {
    const v = vantages.find((vantage) => vantage.name === name);
    const facts = v && ` ${v.state} · ${count(v.agents, 'agent')} · ${count(v.targets, 'target')}`;
    const last = v?.agents === 0 && v.last_seen && [' · last seen ', ago(v.last_seen)];
    rows.push({ group: [h('b', {}, name), h('span', { class: 'note' }, facts, last)] });
    const here = agents.filter((a) => a.vantage === name);
    here.sort((a, b) => a.zone.localeCompare(b.zone) || a.id.localeCompare(b.id));
    rows.push(...here.map(agentRow));
  }
  const shown = rows.slice(0, AGENT_ROWS_MAX);
  const rest = away ? `, ${num(away)} not` : '';
  paint($('agents-note'), agents.length ? `${num(connected)} connected${rest}` : 'none');
  paint($('agents'),
    rows.length ? table('Agents by vantage', AGENT_COLUMNS, shown) : empty('No agent has connected yet.'),
    rows.length > shown.length && h('p', { class: 'more' }, `and ${num(rows.length - shown.length)} more lines`));
}

function drawVantages(vantages) {
  const names = new Set([...vantages.map((v) => v.name), ...(view.vantage ? [view.vantage] : [])]);
  paint($('vantage'), h('option', { value: '' }, 'all'),
    [...names].sort().map((name) => h('option', { value: name }, name)));
  $('vantage').value = view.vantage;
}

function drawRejected({ total, rows }) {
  const shown = rows.slice(0, REJECTED_ROWS_MAX);
  const more = total > shown.length ? ` The first ${num(shown.length)} are here, more at /api/v1/rejected-rows.` : '';
  $('rejected').hidden = total === 0;
  paint($('rejected-note'),
    `${count(total, 'row')} of the target file ${total === 1 ? 'is' : 'are'} left out; the other rows run.${more}`);
  paint($('rejected-rows'), shown.length > 0 && table('Rejected rows', [['Line', 'n'], ['Name', 'name'], ['Reason']],
    shown.map((row) => [row.line, row.name, row.reason])));
}

/** What stands above everything: trouble first, else what is still missing, else nothing. */
function notice() {
  const { summary, agents } = seen.data;
  const line = (kind, first, ...rest) => h('p', { class: `notice ${kind}` }, h('b', {}, first), rest);
  if (seen.trouble) {
    const old = seen.asOf === null ? 'There is nothing to show yet.'
      : `What stands below is from ${clock(seen.asOf)} UTC.`;
    return line('bad', seen.trouble, ` ${old} Trying again every 2 s.`);
  }
  if (!summary) return null;
  const { total, paused } = summary.targets;
  if (total === 0) return line('info', 'There are no targets yet.');
  if (!agents.agents.some((a) => a.state === 'connected')) {
    return line('warn', 'No agent is connected, so nothing is probed.',
      ' Start zonewatch-agent, or the collector with --local-agents.');
  }
  if (summary.slots.received > 0 || total === paused) return null;
  return line('info', 'Waiting for the first results.',
    ` ${count(total - paused, 'target')} loaded; the first pass is paced over at most 30 s.`);
}

/** The state of the connection, and its age, once a second. */
function drawLive() {
  const live = seen.asOf === null ? 'Loading…' : `as of ${clock(seen.asOf)} UTC`;
  const old = seen.asOf === null ? '' : ` · ${age(performance.now() - seen.at)} old`;
  document.body.dataset.state = seen.trouble ? 'stale' : seen.asOf === null ? 'loading' : 'live';
  paint($('live-text'), seen.trouble ? `Not reachable${old}` : document.hidden ? `Paused · ${live}` : live);
}

/** Says a change of the verdicts or of the connection once, for those who do not see it. */
function speak() {
  const t = seen.data.summary?.targets;
  const verdicts = ['up', 'down', 'degraded', 'partial', 'unknown'];
  const text = seen.trouble ?? (t ? verdicts.map((verdict) => `${num(t[verdict])} ${verdict}`).join(', ') : '');
  if (text !== seen.told) paint($('spoken'), text);
  seen.told = text;
  const title = seen.trouble ? 'Not reachable · ' : t?.down ? `${num(t.down)} down · ` : '';
  document.title = `${title}Zonewatch`;
}

// ---- reading -------------------------------------------------------------------------------------------------------

class Answer extends Error {
  constructor(status, text) { super(text); this.status = status; }
}

async function get(path, query = {}) {
  const url = new URL(path, location.origin);
  for (const [key, value] of Object.entries(query)) if (value) url.searchParams.set(key, value);
  const token = sessionStorage.getItem('token');
  const signal = AbortSignal.any([pass.signal, AbortSignal.timeout(REQUEST_MS)]);
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const response = await fetch(url, { signal, cache: 'no-store', headers });
  if (response.ok) return response.json();
  const problem = await response.json().catch(() => ({}));
  throw new Answer(response.status, problem.detail ?? problem.title ?? response.statusText);
}

const LIST = '/api/v1/targets';
const broken = (verdict) => get(LIST, { verdict, vantage: view.vantage, sort: '-since', limit: BROKEN_ROWS });
const routes = () => ({
  summary: get('/api/v1/summary', { window: '1h', vantage: view.vantage }),
  newest: get('/latest-summary', { vantage: view.vantage }),
  agents: get('/api/v1/agents'),
  vantages: get('/api/v1/vantages'),
  rejected: get('/api/v1/rejected-rows'),
  down: broken('down'),
  partial: broken('partial'),
  page: get(LIST, {
    verdict: view.verdict, q: view.q, category: view.category, vantage: view.vantage,
    sort: view.sort, limit: PAGE_ROWS, cursor: view.cursors.at(-1),
  }),
});

function draw({ summary, newest, agents, vantages, rejected, down, partial, page }) {
  drawVantages(vantages.vantages);
  drawNow(summary);
  paint($('hour-note'),
    `planned from ${clock(summary.window.from, MINUTES)} to ${clock(summary.window.to, MINUTES)} UTC`);
  drawUptime(summary);
  drawSlots(summary);
  drawLatency(summary);
  drawRounds(summary);
  drawCounts(summary, newest);
  drawBroken([down, partial], summary);
  drawAgents(agents.agents, vantages.vantages);
  drawRejected(rejected);
  drawTargets(page);
}

function troubleWith(failed) {
  if (!failed) return null;
  if (!(failed instanceof Answer)) return 'The collector cannot be reached.';
  return `The collector answered ${failed.status}: ${failed.message || 'no reason given'}.`;
}

/** One pass over the routes. The page changes only when all of it has come; a failure keeps what was there. */
async function refresh() {
  clearTimeout(timer);
  pass.abort();
  pass = new AbortController();
  const mine = pass;
  const asked = routes();
  const names = Object.keys(asked);
  const settled = await Promise.allSettled(Object.values(asked));
  if (mine !== pass) return; // A newer pass has begun, with another view.
  const failed = settled.find((s) => s.status === 'rejected')?.reason;
  if (failed?.status === 401) return askForToken();
  if (failed?.status === 400 && view.cursors.length) { // The place in the list is gone: back to its start.
    view.cursors = [];
    return refresh();
  }
  seen.trouble = troubleWith(failed);
  const vantages = settled[names.indexOf('vantages')].value;
  if (failed && vantages) drawVantages(vantages.vantages); // A vantage that the API does not know can be left again.
  if (!failed) {
    try {
      seen.data = Object.fromEntries(names.map((name, i) => [name, settled[i].value]));
      seen.asOf = Date.parse(seen.data.summary.as_of);
      seen.at = performance.now();
      draw(seen.data);
    } catch (error) {
      seen.trouble = `An answer could not be shown (${error.message}).`;
    }
  }
  paint($('notice'), notice());
  drawLive();
  speak();
  $('ask').hidden = true;
  const waiting = seen.data?.summary?.slots.received === 0;
  if (!document.hidden) timer = setTimeout(refresh, waiting ? FIRST_REFRESH_MS : REFRESH_MS);
}

function askForToken() {
  if (sessionStorage.getItem('token')) paint($('ask-why'), 'That token was not accepted.');
  sessionStorage.removeItem('token');
  document.body.dataset.state = 'locked';
  paint($('live-text'), 'Token needed');
  paint($('notice'));
  $('ask').hidden = false;
  $('token').focus();
}

// ---- what the reader does ------------------------------------------------------------------------------------------

const KEPT = ['vantage', 'verdict', 'q', 'category', 'sort']; // These stand in the address, so a view can be sent on.

function look(change) {
  Object.assign(view, { cursors: [] }, change);
  const kept = KEPT.filter((key) => view[key] && !(key === 'sort' && view.sort === 'name'));
  const query = new URLSearchParams(kept.map((key) => [key, view[key]]));
  history.replaceState(null, '', query.size ? `?${query}` : location.pathname);
  if (seen.data.summary) drawNow(seen.data.summary);
  for (const key of KEPT) if ($(key) !== document.activeElement) $(key).value = view[key];
  refresh();
}

const given = new URLSearchParams(location.search);
for (const key of KEPT) {
  if (!given.get(key)) continue;
  view[key] = given.get(key);
  $(key).value = view[key];
  if (key !== 'vantage') view[key] = $(key).value; // A select keeps only what it knows; vantages are not known yet.
}

let typing = 0;
$('filter').addEventListener('input', () => {
  const read = () => look({
    q: $('q').value.trim(), verdict: $('verdict').value, category: $('category').value.trim(), sort: $('sort').value,
  });
  clearTimeout(typing);
  typing = setTimeout(read, TYPING_MS);
});
$('filter').addEventListener('submit', (event) => event.preventDefault());
$('vantage').addEventListener('change', () => look({ vantage: $('vantage').value }));
$('tiles').addEventListener('click', (event) => {
  const verdict = event.target.closest('button')?.dataset.v;
  if (!verdict) return;
  look({ verdict: view.verdict === verdict ? '' : verdict });
  $('targets').scrollIntoView();
});
$('next').addEventListener('click', () => {
  if (!seen.data.page?.next_cursor) return;
  view.cursors.push(seen.data.page.next_cursor);
  $('next').disabled = true; // Until its page is there: a second click would skip nothing and count a page twice.
  refresh();
});
$('prev').addEventListener('click', () => {
  view.cursors.pop();
  refresh();
});
$('ask').addEventListener('submit', (event) => {
  event.preventDefault();
  sessionStorage.setItem('token', $('token').value.trim());
  $('token').value = '';
  refresh();
});
document.addEventListener('visibilitychange', () => {
  if (document.hidden) { clearTimeout(timer); drawLive(); } else refresh();
});
setInterval(() => { if (!document.hidden) drawLive(); }, 1000);

drawNow({ targets: {} });
refresh();
