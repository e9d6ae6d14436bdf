// The dashboard. It reads the public API only, and shows what it was told: what is old is dated, sums that do not add up
// say so, and nothing yet is shown as nothing yet. Names, labels, URLs and causes are hostile input; see dom.js.

import { Refusal, hasToken, setToken } from './api.js';
import { byId, h, paint } from './dom.js';
import { listen } from './events.js';
import { parse } from './route.js';
import { chrome } from './chrome.js';
import { Sources } from './sources.js';
import { setClock, tick } from './time.js';
import { fleet } from './views/fleet.js';
import { incident } from './views/incident.js';
import { incidents } from './views/incidents.js';
import { overview } from './views/overview.js';
import { target } from './views/target.js';
import { targets } from './views/targets.js';

const SECOND_MS = 1000;
const VIEWS = { overview, targets, target, incidents, incident, fleet };
/** Open incidents that are looked at, of which the overview shows some. */
const NEWEST = 50;

/** What stands round every view: the banners, the number of incidents. @type {Record<string, import('./sources.js').Spec>} */
const COMMON = {
  agents: { path: 'api/v1/agents', every: 4000, on: ['fleet', 'reset'] },
  vantages: { path: 'api/v1/vantages', every: 4000, on: ['fleet', 'reset'] },
  incidents: { path: 'api/v1/incidents', query: { state: 'open', limit: NEWEST, members: 3 }, every: 3000, on: ['incident', 'verdict', 'reset'] },
  rejected: { path: 'api/v1/rejected-rows', every: 20_000, on: ['reset'] },
  ready: { path: 'readyz', every: 10_000, on: [], text: true },
};

let route = parse(location.hash);
/** What stands in <main> now. */
let mounted = '';
let drawing = 0;
/** @type {import('./events.js').StreamState} */
let stream = 'connecting';
let stopListening = () => {};

const sources = new Sources((fresh) => {
  if (fresh) schedule();
  else chrome.live(link());
});
const entry = (/** @type {string} */ key) => sources.entry(key);

/** How the connection is. @returns {import('./chrome.js').Link} */
function link() {
  const all = sources.all();
  const ready = entry('ready'); // It says by a 503 that the collector is unwell, not that it is away.
  const broken = all.find((one) => one !== ready && one.error && !(one.error instanceof Refusal && one.error.status < 500));
  const at = Math.max(0, ...all.map((one) => one.at));
  const trouble = broken?.error ?? null;
  return {
    state: document.body.dataset.locked === 'yes' ? 'locked' : trouble ? 'stale' : at ? 'live' : 'loading', at, events: stream === 'open', hidden: document.hidden,
    why: trouble instanceof Refusal ? `The collector answered ${trouble.status}: ${trouble.message}.` : 'The collector cannot be reached.',
  };
}

function schedule() {
  drawing ||= requestAnimationFrame(() => {
    drawing = 0;
    draw();
  });
}

function draw() {
  const locked = sources.all().some(({ error }) => error instanceof Refusal && error.status === 401);
  if (locked) return lock();
  document.body.dataset.locked = 'no';
  byId('door').hidden = true;
  const asOf = entry('summary').data?.as_of;
  if (asOf) setClock(asOf);
  const problems = sources.all().map(({ error }) => error).filter((error) => error instanceof Refusal && error.status === 400);
  chrome.banners(entry, link(), problems.map((error) => /** @type {Error} */ (error).message));
  try {
    VIEWS[route.view].draw({ route, entry });
  } catch (error) {
    chrome.fault(error);
  }
  chrome.live(link());
  chrome.speak(entry, link(), VIEWS[route.view].title(route));
}

/** What the view wants comes first: a browser has six connections to a server, and what stands round the view can wait. */
const wanted = () => ({ ...VIEWS[route.view].sources(route), ...COMMON });

/** Mounts what the address asks for, and asks for what that needs. */
function go() {
  route = parse(location.hash);
  const view = VIEWS[route.view];
  const place = `${route.view} ${route.name}`;
  const main = byId('main');
  sources.want(wanted());
  if (mounted !== place) {
    const first = mounted === '';
    mounted = place;
    const root = h('div', { class: `view ${route.view}` });
    main.replaceChildren(root);
    view.mount(root, { route: () => route, redraw: schedule, rewant: () => sources.want(wanted()), entry });
    chrome.here(route);
    if (!first) {
      scrollTo(0, 0);
      main.focus({ preventScroll: true });
    }
  }
  draw();
}

function lock() {
  sources.stop();
  stopListening();
  document.body.dataset.locked = 'yes';
  byId('door').hidden = false;
  if (hasToken()) paint(byId('sign-in-why'), 'That token was not accepted.');
  setToken(null);
  chrome.live(link());
  byId('token').focus();
}

function start() {
  stopListening();
  sources.start();
  stopListening = listen((type) => sources.stir(type), (state) => {
    const lost = stream === 'open' && state !== 'open';
    stream = state;
    sources.events = state === 'open';
    if (lost || state === 'open') sources.stir('all'); // What happened meanwhile was not told.
    chrome.live(link());
  });
}

function stop() {
  stopListening();
  stream = 'connecting';
  sources.events = false;
  sources.stop();
  chrome.live(link());
}

addEventListener('hashchange', go);
addEventListener('resize', schedule);
addEventListener('pagehide', stop);
document.addEventListener('visibilitychange', () => (document.hidden ? stop() : start()));
byId('sign-in').addEventListener('submit', (event) => {
  event.preventDefault();
  const input = /** @type {HTMLInputElement} */ (byId('token'));
  setToken(input.value.trim());
  input.value = '';
  start();
});
setInterval(() => {
  if (document.hidden) return;
  tick();
  chrome.live(link());
}, SECOND_MS);

chrome.mount(() => {
  mounted = '';
  go();
});
go();
if (!document.hidden) start();
