// Server-sent events through fetch, since EventSource carries no token. An event only says what to read again: whatever
// is shown comes from the other routes, so a lost event costs a few seconds and never a wrong number.

import { Refusal, address, ask } from './api.js';

const SILENT_MS = 60_000; // The collector says something oftener than this.
const AGAIN_MS = 3000;
const PENDING_MAX = 65_536; // An event longer than this is not one of ours.

/** @typedef {'none' | 'connecting' | 'open'} StreamState none: this collector has no events */

/**
 * Reads events until stopped.
 * @param {(type: string) => void} heard @param {(state: StreamState) => void} changed
 */
export function listen(heard, changed) {
  const stop = new AbortController();
  const run = async () => {
    while (!stop.signal.aborted) {
      const silence = new AbortController();
      try {
        await follow(AbortSignal.any([stop.signal, silence.signal]), silence, heard, changed);
      } catch (error) {
        if (error instanceof Refusal && error.status !== 503) {
          if (!stop.signal.aborted) changed('none');
          return;
        }
      }
      if (stop.signal.aborted) return;
      changed('connecting');
      await new Promise((resolve) => { setTimeout(resolve, AGAIN_MS * (1 + Math.random())); });
    }
  };
  void run();
  return () => stop.abort();
}

/**
 * @param {AbortSignal} signal @param {AbortController} silence
 * @param {(type: string) => void} heard @param {(state: StreamState) => void} changed
 */
async function follow(signal, silence, heard, changed) {
  const response = await ask(address('api/v1/events'), { signal, cache: 'no-store' });
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  if (!reader) return;
  changed('open');
  const parser = new Parser(heard);
  for (;;) {
    const timer = setTimeout(() => silence.abort(), SILENT_MS);
    const { done, value } = await reader.read().finally(() => clearTimeout(timer));
    if (done) return;
    parser.push(value);
  }
}

/** Lines of a text/event-stream to the types of its events. */
export class Parser {
  #pending = '';
  #type = '';
  #data = false;
  #heard;

  /** @param {(type: string) => void} heard */
  constructor(heard) {
    this.#heard = heard;
  }

  /** @param {string} text */
  push(text) {
    const lines = (this.#pending + text).split(/\r\n|\r|\n/);
    this.#pending = lines.pop() ?? '';
    if (this.#pending.length > PENDING_MAX) this.#pending = '';
    for (const line of lines) this.#line(line);
  }

  /** @param {string} line */
  #line(line) {
    if (line === '') {
      if (this.#data) this.#heard(this.#type || 'message');
      this.#type = '';
      this.#data = false;
    } else if (line.startsWith('event:')) this.#type = line.slice(6).trim();
    else if (line.startsWith('data:')) this.#data = true;
  }
}
