// The answer in three seconds: are the URLs well, and is that the whole of it.

import { h } from '../dom.js';
import { count, num, own, percent, phrase, sum } from '../format.js';
import { REASONS } from '../words.js';
import { share } from '../charts/share.js';
import { glyph } from './marks.js';

/** @typedef {import('../types.js').Summary} Summary */

/** @param {Summary} summary @param {boolean} nobody no agent is connected @returns {{verdict: string, text: string, more: string}} */
export function headline({ targets, slots }, nobody) {
  const probed = targets.total - targets.paused;
  const judged = targets.up + targets.degraded + targets.partial + targets.down;
  const others = phrase([
    targets.partial ? `${num(targets.partial)} ${targets.partial === 1 ? 'fails' : 'fail'} from some places only` : '',
    targets.degraded ? `${num(targets.degraded)} ${targets.degraded === 1 ? 'is' : 'are'} slow` : '',
    targets.unknown && judged ? `${num(targets.unknown)} cannot be judged` : '',
  ].filter(Boolean));
  const more = others ? `${others}.` : '';
  if (targets.total === 0) {
    return { verdict: 'unknown', text: 'There are no targets yet', more: 'The target file is being read, or it has no good row.' };
  }
  if (probed === 0) return { verdict: 'paused', text: 'Every target is paused', more: 'Nothing is probed.' };
  if (judged === 0) {
    if (nobody && !slots.received) {
      return { verdict: 'unknown', text: 'Waiting for an agent', more: `${count(probed, 'target')} loaded; the first probes run as soon as an agent connects.` };
    }
    return slots.received
      ? { verdict: 'unknown', text: 'Nothing fresh to judge by', more: 'No result is younger than two intervals.' }
      : { verdict: 'unknown', text: 'Waiting for the first results', more: `${count(probed, 'target')} loaded; the first pass is paced over at most 30 s.` };
  }
  const of = `of ${count(probed, 'target')}`;
  if (targets.down) return { verdict: 'down', text: `${num(targets.down)} ${of} ${targets.down === 1 ? 'is' : 'are'} down`, more };
  if (targets.partial) {
    return { verdict: 'partial', text: 'No outage, but regional problems', more };
  }
  if (targets.degraded) return { verdict: 'degraded', text: 'Everything answers, some slowly', more };
  if (targets.unknown) return { verdict: 'unknown', text: `${num(targets.up)} ${of} are up`, more };
  return { verdict: 'up', text: targets.up === 1 ? 'The one target is up' : `All ${count(targets.up, 'target')} are up`, more: 'Every one answers as expected.' };
}

/** Coverage in words. @param {Summary['slots']} slots @param {boolean} nobody no agent is connected @param {number} quiet planned under maintenance */
export function coverage(slots, nobody, quiet) {
  if (!slots.expected) return 'No probe was due yet.';
  const reasons = Object.entries(slots.missed).sort((a, b) => b[1] - a[1])
    .map(([reason, n]) => `${num(n)} missed: ${own(REASONS, reason) ?? reason}`);
  return `${[`${num(slots.received)} of ${num(slots.expected)} probes done`, ...reasons,
    slots.open ? `${num(slots.open)} ${nobody ? 'waiting for an agent' : 'running'}` : '',
    quiet ? `${num(quiet)} of them under maintenance, left out of uptime` : ''].filter(Boolean).join('; ')}.`;
}

/** What was done stands out; the rest of the account follows. @param {string} text */
function spoken(text) {
  const end = text.indexOf(';');
  return end < 0 ? h('b', {}, text) : [h('b', {}, text.slice(0, end + 1)), text.slice(end + 1)];
}

/** @param {Summary} summary @param {boolean} nobody no agent is connected */
export function drawHeadline(summary, nobody) {
  const { verdict, text, more } = headline(summary, nobody);
  const { targets, slots, uptime } = summary;
  const missed = sum(slots.missed);
  const gap = slots.expected - slots.received - missed - slots.open;
  const [low, high] = [percent(uptime?.low), percent(uptime?.high)];
  return [
    h('div', { class: 'verdict', 'data-v': verdict },
      h('p', { class: 'said' }, glyph(verdict), h('span', {}, text)),
      h('p', { class: 'more' }, more),
      share([['v-down', targets.down], ['v-partial', targets.partial], ['v-degraded', targets.degraded],
        ['v-up', targets.up], ['v-unknown', targets.unknown], ['v-paused', targets.paused]], 12)),
    h('div', { class: 'complete' },
      h('h2', {}, 'Is that the whole of it?'),
      h('p', { class: 'coverage' }, spoken(coverage(slots, nobody, summary.in_maintenance ?? 0))),
      gap === 0 ? null : h('p', { class: 'bad' },
        `This does not add up: ${num(Math.abs(gap))} too ${gap > 0 ? 'few' : 'many'}. Please report it.`),
      share([['p-c2', slots.received], ['p-miss', missed], ['p-open', slots.open]], 12),
      h('dl', { class: 'facts' },
        h('div', {}, h('dt', {}, 'Uptime, past hour'), h('dd', {}, low === high ? low : `${low.replace(' %', '')} … ${high}`)),
        h('div', {}, h('dt', {}, 'Coverage'), h('dd', {}, percent(uptime?.coverage)))),
      missed ? h('p', { class: 'note' }, 'Uptime has two bounds: what was missed may have been down, or up.') : null),
  ];
}
