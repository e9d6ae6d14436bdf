// What the view wants of the API, read again when it is due or an event says so. Each answer stands for itself: one that
// fails leaves the others, and its own last one, in place.

import { Refusal, address, read } from './api.js';

const GAP_MS = 1000; // No route is read oftener than this.
const REST = 10; // A route that takes long is left alone for so many times as long,
const REST_MAX_MS = 60_000; // but not longer: the machine may have slept meanwhile.
const AGAIN_MS = 2000;
const SLACK_MS = 50;
const ABSENT_MS = 60_000; // A route that this collector does not have may come with its next version.
const WITH_EVENTS = 2; // With events everything is read this many times more seldom.

/**
 * @typedef {object} Spec
 * @property {string} path
 * @property {Record<string, string | number | null | undefined>} [query]
 * @property {number} every how old it may become without events, in milliseconds
 * @property {string[]} on the kinds of event after which it is read again at once
 * @property {boolean} [text] the answer is text, not JSON
 * @property {boolean} [strict] an answer to an earlier question is not shown meanwhile
 */

/** One route's newest answer. @template T */
class Entry {
  /** @param {Spec} spec */
  constructor(spec) {
    this.spec = spec;
    this.id = '';
    /** @type {T | undefined} */
    this.data = undefined;
    this.text = '';
    /** The question that `data` answers. */
    this.dataId = '';
    /** @type {unknown} */
    this.error = null;
    this.due = 0;
    /** How long its last answer took, in milliseconds. */
    this.took = 0;
    /** When its last answer came. */
    this.at = 0;
    this.began = 0;
    /** @type {AbortController | null} */
    this.running = null;
  }

  /** Whether what is there answers what is asked now. */
  get current() { return this.dataId === this.id && this.data !== undefined; }

  /** Whether this collector has no such route. */
  get absent() { return this.error instanceof Refusal && [404, 405].includes(this.error.status); }
}

/** @typedef {Entry<any>} AnyEntry */

const rest = (/** @type {{took: number}} */ { took }) => Math.min(took * REST, REST_MAX_MS);

export class Sources {
  /** @type {Map<string, AnyEntry>} */
  #entries = new Map();
  #timer = 0;
  #running = false;
  /** Whether events come: without them everything is read oftener. */
  events = false;
  #changed;

  /** @param {(fresh: boolean) => void} changed called after every answer; fresh: there is something new to draw */
  constructor(changed) {
    this.#changed = changed;
  }

  /** @param {string} key @returns {AnyEntry} */
  entry(key) {
    return this.#entries.get(key) ?? new Entry({ path: '', every: 0, on: [] });
  }

  all() {
    return [...this.#entries.values()];
  }

  /** Wants these, and no others. @param {Record<string, Spec>} specs */
  want(specs) {
    for (const [key, entry] of this.#entries) {
      if (Object.hasOwn(specs, key)) continue;
      entry.running?.abort();
      this.#entries.delete(key);
    }
    for (const [key, spec] of Object.entries(specs)) {
      const id = address(spec.path, spec.query).href;
      const entry = this.#entries.get(key) ?? new Entry(spec);
      this.#entries.set(key, entry);
      entry.spec = spec;
      if (entry.id === id) continue;
      entry.running?.abort();
      entry.running = null;
      Object.assign(entry, { id, error: null, due: 0 });
      if (spec.strict) Object.assign(entry, { data: undefined, text: '', dataId: '' });
    }
    this.#plan();
  }

  /** An event of this kind came. @param {string} type */
  stir(type) {
    for (const entry of this.#entries.values()) {
      if (!entry.spec.on.includes(type) && type !== 'all') continue;
      entry.due = Math.min(entry.due, entry.began + Math.max(GAP_MS, rest(entry)));
    }
    this.#plan();
  }

  start() {
    this.#running = true;
    // What was refused before may have been for want of a token.
    for (const entry of this.#entries.values()) Object.assign(entry, { due: 0, error: null });
    this.#plan();
  }

  stop() {
    this.#running = false;
    clearTimeout(this.#timer);
    for (const entry of this.#entries.values()) {
      entry.running?.abort();
      entry.running = null;
    }
  }

  #plan() {
    clearTimeout(this.#timer);
    if (!this.#running) return;
    const now = performance.now();
    let next = Infinity;
    for (const entry of this.#entries.values()) {
      if (entry.running) continue;
      if (entry.due <= now + SLACK_MS) void this.#read(entry);
      else next = Math.min(next, entry.due);
    }
    if (next < Infinity) this.#timer = setTimeout(() => this.#plan(), next - now);
  }

  /** @param {AnyEntry} entry */
  async #read(entry) {
    const running = new AbortController();
    const { id } = entry;
    entry.running = running;
    entry.began = performance.now();
    entry.due = Infinity; // Planned again below; an event meanwhile brings it forward.
    let fresh = entry.error !== null;
    let error = null;
    try {
      const text = await read(new URL(id), running.signal);
      if (entry.running !== running) return;
      entry.at = Date.now();
      if (text !== entry.text || entry.dataId !== id) {
        Object.assign(entry, { data: entry.spec.text ? text : JSON.parse(text), text, dataId: id });
        fresh = true;
      }
    } catch (caught) {
      if (entry.running !== running) return;
      error = caught;
      fresh = true;
    }
    entry.error = error;
    entry.running = null;
    entry.took = performance.now() - entry.began;
    entry.due = Math.min(entry.due, performance.now() + this.#pace(entry));
    this.#changed(fresh);
    this.#plan();
  }

  /** How long an entry is left alone. @param {AnyEntry} entry */
  #pace({ spec, error, absent, took }) {
    if (absent) return ABSENT_MS;
    if (error) return AGAIN_MS;
    return Math.max(spec.every * (this.events ? WITH_EVENTS : 1), rest({ took }));
  }
}
