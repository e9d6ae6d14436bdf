// Probing a target now, from everywhere: the button, the wait, and what each vantage said. It changes no count.

import { Refusal, address, post } from '../api.js';
import { h, paint } from '../dom.js';
import { millis } from '../format.js';
import { phases } from '../charts/phases.js';
import { explain } from '../words.js';

/** @typedef {import('../types.js').Asked} Asked */

/** @type {Record<string, string>} */
const ANSWERS = {
  no_agent: 'no agent is connected there',
  no_answer: 'its agent said nothing in time: it is cut off, or too old to know the question',
  overloaded: 'its agent had no room',
  agent_fault: 'its agent stood still meanwhile, or was out of resources',
  refused: 'its agent cannot take the target',
};

/** @param {Asked} asked @param {number} longest */
function told({ vantage, agent, answer, result }, longest) {
  if (!result) return h('li', {}, h('b', {}, vantage), h('span', { class: 'bad' }, ANSWERS[answer] ?? answer));
  const well = !result.error && !result.unexpected;
  return h('li', {}, h('b', {}, vantage, ' ', h('small', {}, agent)),
    h('span', { class: well ? null : 'bad' }, well ? `${result.status} as expected` : explain(result).text,
      result.cause ? `: ${result.cause}` : '', ` (${millis(result.latency_ms)})`), phases(result, longest));
}

/** @param {unknown} error */
function refused(error) {
  if (!(error instanceof Refusal)) return 'The collector cannot be reached. Try again.';
  if ([404, 405, 501].includes(error.status)) return 'This collector cannot probe on demand; a newer one can.';
  if (error.status === 429) return 'It was probed often just now: wait a little, and try again.';
  return `The collector answered ${error.status}: ${error.message}`;
}

/** @param {string} name of the target @param {number} wait at most so long, in milliseconds */
export function probeNow(name, wait) {
  const button = h('button', { type: 'button', class: 'main', id: 'probe-now' }, 'Probe now from everywhere');
  const answer = h('div', { id: 'probed', class: 'probed', role: 'status' });
  button.addEventListener('click', async () => {
    button.disabled = true;
    paint(answer, h('p', { class: 'note' }, 'Probing…'));
    try {
      const url = address(`api/v1/targets/${encodeURIComponent(name)}/probe`);
      const { vantages } = /** @type {{vantages: Asked[]}} */ (await post(url, AbortSignal.timeout(wait)));
      const longest = Math.max(0, ...vantages.map(({ result }) => result?.latency_ms ?? 0));
      paint(answer, vantages.length ? h('ul', {}, vantages.map((one) => told(one, longest)))
        : h('p', { class: 'note' }, 'It has no vantage to be probed from.'));
    } catch (error) {
      paint(answer, h('p', { class: 'bad' }, refused(error)));
    }
    button.disabled = false;
  });
  return [button, answer];
}
