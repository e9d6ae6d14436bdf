// What stands round every view: where one is, how the connection is, what changes how the rest is to be read.

import { address } from './api.js';
import { byId, h, paint } from './dom.js';
import { age, num } from './format.js';
import { banners } from './parts/banners.js';
import { glyph } from './parts/marks.js';
import { clock, inUtc, now, showUtc, zone } from './time.js';

/** @typedef {{state: 'loading' | 'live' | 'stale' | 'locked', at: number, events: boolean, hidden: boolean, why: string}} Link */

const THEME = 'zonewatch-theme';
const THEMES = /** @type {const} */ (['auto', 'light', 'dark']);
let told = '';

/** @param {string} theme */
function wear(theme) {
  document.documentElement.dataset.theme = theme;
  byId('theme').textContent = { auto: 'Auto', light: 'Light', dark: 'Dark' }[theme] ?? 'Auto';
  byId('theme').setAttribute('aria-label', `Colours: ${theme}. Change`);
}

function nameZone() {
  byId('zone').textContent = inUtc() ? 'UTC' : zone();
  byId('zone').setAttribute('aria-label', `Times are in ${zone()}. Show ${inUtc() ? 'local time' : 'UTC'}`);
}

export const chrome = {
  /** @param {() => void} anew draws the view from nothing */
  mount(anew) {
    wear(localStorage.getItem(THEME) ?? 'auto');
    nameZone();
    byId('theme').addEventListener('click', () => {
      const worn = THEMES.findIndex((theme) => theme === document.documentElement.dataset.theme);
      const next = THEMES[(worn + 1) % THEMES.length];
      localStorage.setItem(THEME, next);
      wear(next);
    });
    byId('zone').addEventListener('click', () => {
      showUtc(!inUtc());
      nameZone();
      anew();
    });
    for (const a of /** @type {NodeListOf<HTMLAnchorElement>} */ (document.querySelectorAll('a[data-raw]'))) {
      a.href = address(a.dataset.raw ?? '').href;
    }
    addEventListener('keydown', (event) => {
      const writing = event.target instanceof Element && event.target.closest('input, select, textarea');
      const search = document.getElementById('q');
      if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey || writing || !search) return;
      event.preventDefault();
      search.focus();
    });
    byId('skip').addEventListener('click', (event) => {
      event.preventDefault(); // The fragment of the address is taken.
      byId('main').focus();
    });
  },

  /** Marks where the reader is. @param {import('./route.js').Route} route */
  here({ view }) {
    for (const a of byId('nav').querySelectorAll('a')) {
      const of = a.dataset.view === view || a.dataset.view === `${view}s`; // One of the targets is among them.
      if (of) a.setAttribute('aria-current', 'page');
      else a.removeAttribute('aria-current');
    }
  },

  /** The state of the connection, and since when. @param {Link} link */
  live({ state, at, events, hidden }) {
    document.body.dataset.state = state;
    const old = at ? age(Date.now() - at) : '';
    const text = {
      loading: 'Loading…',
      locked: 'Token needed',
      stale: at ? `Stale since ${clock(at + now() - Date.now())} · ${old}` : 'Not reachable',
      live: hidden ? 'Paused' : events ? 'Live' : 'Live, by asking',
    }[state];
    const place = byId('live-text');
    if (place.textContent !== text) place.textContent = text;
    byId('live').title = state !== 'live' ? '' : events
      ? 'The collector says when something changes.' : 'This collector sends no events; it is asked every few seconds.';
  },

  /**
   * @param {import('./view.js').Entries} entry @param {Link} link @param {string[]} problems
   */
  banners(entry, link, problems) {
    /** @type {import('./types.js').Incidents | undefined} */
    const incidents = entry('incidents').data;
    paint(byId('open-count'), incidents?.open ? [num(incidents.open), h('span', { class: 'unseen' }, ' open')] : '');
    const { error } = entry('ready');
    const unwell = error instanceof Error && 'status' in error && error.status === 503 ? error.message : null;
    paint(byId('banners'),
      link.state === 'stale' ? h('div', { class: 'banner bad' }, glyph('warn'), h('div', {}, h('b', {}, link.why), ' ',
        link.at ? `What stands below is from ${clock(link.at + now() - Date.now())}.` : 'There is nothing to show yet.',
        ' Trying again every 2 s.')) : null,
      problems.map((text) => h('div', { class: 'banner bad' }, glyph('warn'), h('div', {},
        h('b', {}, 'The collector refused what was asked.'), ' ', text))),
      banners({
        agents: entry('agents').data?.agents, vantages: entry('vantages').data?.vantages,
        rejected: entry('rejected').data, unwell, settings: entry('agents').data?.settings,
        blind: incidents?.incidents.find(({ kind }) => kind === 'blind'),
      }));
  },

  /** An answer that could not be drawn is a fault of this page. @param {unknown} error */
  fault(error) {
    const text = error instanceof Error ? error.message : String(error);
    byId('banners').append(h('div', { class: 'banner bad' }, glyph('warn'),
      h('div', {}, h('b', {}, 'An answer could not be shown.'), ` ${text}`)));
  },

  /**
   * Says a change of the verdicts or of the connection once, for those who do not see it.
   * @param {import('./view.js').Entries} entry @param {Link} link @param {string} title
   */
  speak(entry, link, title) {
    /** @type {import('./types.js').Verdicts | undefined} */
    const targets = entry('summary').data?.targets;
    const verdicts = /** @type {const} */ (['down', 'partial', 'degraded', 'unknown', 'up']);
    const text = link.state === 'stale' ? link.why
      : targets ? verdicts.filter((v) => targets[v]).map((v) => `${num(targets[v])} ${v}`).join(', ') : '';
    if (text !== told) paint(byId('spoken'), text);
    told = text;
    const alarm = link.state === 'stale' ? 'Stale · ' : targets?.down ? `${num(targets.down)} down · ` : '';
    document.title = `${alarm}${title} · Zonewatch`;
  },
};
