// Vantages with their agents: who is there, what they hold, how far behind they are.

import { millis } from '../format.js';
import { now } from '../time.js';

/** @typedef {import('../types.js').Agent} Agent */
/** @typedef {import('../types.js').Vantage} Vantage */
/** @typedef {{name: string, state: string, targets: number, lastSeen: string | null, agents: Agent[]}} Place */

const BEHIND_MS = 90_000; // Results wait for at most a few seconds with an agent that is well.

/** @param {Vantage[]} vantages @param {Agent[]} agents @returns {Place[]} */
export function places(vantages, agents) {
  const names = new Set([...vantages.map(({ name }) => name), ...agents.map(({ vantage }) => vantage)]);
  return [...names].sort().map((name) => {
    const vantage = vantages.find((known) => known.name === name);
    return {
      name,
      state: vantage?.state ?? 'active',
      targets: vantage?.targets ?? 0,
      lastSeen: vantage?.last_seen ?? null,
      agents: agents.filter((agent) => agent.vantage === name)
        .sort((a, b) => a.zone.localeCompare(b.zone) || a.id.localeCompare(b.id)),
    };
  });
}

/** How far an agent's deliveries are behind, in milliseconds; null if it does not say. @param {Agent} agent */
export const behind = (agent) => (agent.watermark ? Math.max(0, now() - Date.parse(agent.watermark)) : null);

/** What is not well with an agent, in words. @param {Agent} agent */
export function worries(agent) {
  if (agent.state === 'lost') return [];
  const late = behind(agent);
  return [
    agent.waiting > 0 && `${agent.waiting.toLocaleString('en')} probes wait for room`,
    agent.lateness_ms > 1000 && `starts probes ${millis(agent.lateness_ms)} late`,
    late !== null && late > BEHIND_MS && `is ${millis(late)} behind with its results`,
    agent.refused.length > 0 && `cannot take ${agent.refused.length} targets`,
  ].filter((worry) => worry !== false);
}
