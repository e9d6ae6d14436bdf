// Vantages with their agents: who is there, what they hold, how far behind they are.

import { count, millis, own } from '../format.js';
import { now } from '../time.js';

/** @typedef {import('../types.js').Agent} Agent */
/** @typedef {import('../types.js').Vantage} Vantage */
/** @typedef {{name: string, state: string, targets: number, lastSeen: string | null, agents: Agent[]}} Place */

/** Who is set aside together. @type {Record<string, string>} */
const CIRCLES = { agent: 'it', zone: 'its zone', vantage: 'its vantage', process: 'its process' };
const SLOW_MS = 10_000; // What an agent is told it takes within a second or two.
const CLOCK_MS = 5000; // Probes go by the collector's clock; whoever compares logs should know.
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
  const { settings, assignment } = agent;
  return [
    agent.suspect && `is set aside: ${own(CIRCLES, agent.suspect.with) ?? 'it'} alone sees failures, which do not count`,
    settings?.problem && `cannot take settings ${settings.desired}: ${settings.problem}`,
    settings && !settings.problem && settings.behind_ms > SLOW_MS && `has not taken settings ${settings.desired} for ${millis(settings.behind_ms)}`,
    assignment && assignment.behind_ms > SLOW_MS && `has not taken the newest list for ${millis(assignment.behind_ms)}`,
    agent.waiting > 0 && `${count(agent.waiting, 'probe waits', 'probes wait')} for room`,
    agent.lateness_ms > 1000 && `starts probes ${millis(agent.lateness_ms)} late`,
    late !== null && late > BEHIND_MS && `is ${millis(late)} behind with its results`,
    Math.abs(agent.clock_offset_ms ?? 0) > CLOCK_MS && `has a wall clock that is ${millis(Math.abs(agent.clock_offset_ms ?? 0))} ${(agent.clock_offset_ms ?? 0) < 0 ? 'behind' : 'ahead'}: its log is dated by it, its probes are not`,
    agent.refused.length > 0 && `cannot take ${count(agent.refused.length, 'target')}`,
  ].filter((worry) => typeof worry === 'string');
}

/** The state to show: one that is set aside is connected all the same. @param {Agent} agent */
export const stateOf = (agent) => (agent.suspect && agent.state === 'connected' ? 'suspect' : agent.state);
