// What the API's words mean, for people; and what to check first.

/** @type {Record<string, string>} */
export const VERDICTS = {
  down: 'fails from most places',
  partial: 'fails from some places',
  degraded: 'answers, but slowly',
  up: 'answers as expected',
  unknown: 'nothing fresh to judge by',
  paused: 'listed, not probed',
};

/** @type {Record<string, string>} */
export const FAILURES = {
  dns: 'its name did not resolve',
  connect: 'no connection could be made',
  tls: 'no secure connection could be made',
  timeout: 'it did not answer in time',
  protocol: 'what came back was not HTTP',
  redirect: 'its redirects lead nowhere, or in circles',
  read: 'its answer broke off',
  blocked: 'its address is one that agents refuse',
};

/** Status codes that say more than their class, by name. @type {Record<string, string>} */
export const STATUSES = {
  400: 'bad request', 401: 'not authorised', 403: 'forbidden', 404: 'not found', 405: 'method not allowed', 406: 'not acceptable',
  408: 'request took too long', 410: 'gone', 418: 'I’m a teapot', 421: 'misdirected', 429: 'asked too often', 451: 'withheld for legal reasons',
  500: 'error of the server', 501: 'not implemented', 502: 'bad gateway', 503: 'out of service', 504: 'gateway timed out',
};

/** @type {Record<string, string>} */
export const REASONS = {
  no_agent: 'no agent at that place',
  agent_lost: 'its agent was lost',
  agent_suspect: 'its agent was under suspicion',
  agent_paused: 'its agent was frozen',
  agent_fault: 'its agent was out of resources',
  overloaded: 'its agents were full',
  buffer_full: 'its agent could not hold more results',
  clock_unsure: 'its agent’s clock was unsure',
  refused: 'its agent could not take the target',
  collector_down: 'no collector was running',
  not_reported: 'nobody said why: a bug, please report it',
};

/** @type {Record<string, string>} */
export const AGENT_STATES = {
  connected: 'takes probes and delivers',
  draining: 'is leaving; its probes move to others',
  silent: 'its stream is gone, its lease is not',
  suspect: 'it alone sees failures; what it finds does not count',
  lost: 'its lease has run out; others have its probes',
};

/** Kinds of incidents. @type {Record<string, string>} */
export const KINDS = {
  failing: 'targets are not well',
  certificate: 'a certificate expires soon',
  blind: 'the monitor itself sees too little',
};

/** What those who have an incident share; of a blind monitor, what it lacks. @type {Record<string, string>} */
export const CAUSES = {
  target: 'nothing: it is one target alone',
  certificate: 'all show the certificate',
  address: 'all are at the address',
  host: 'all are on the host',
  dns_zone: 'all names are in the zone',
  vantage: 'all fail from one vantage and no other,',
  agent: 'one agent alone found it,',
  failure: 'all fail alike,',
  no_agents: 'no agent speaks to the collector',
  coverage: 'too few of the last round’s probes have a result',
  store: 'the log takes no records, so nothing is acknowledged',
};

/** Causes that have a value of their own to be named. @type {Record<string, boolean>} */
export const SHARED = { certificate: true, address: true, host: true, dns_zone: true, vantage: true, agent: true, failure: true };

/** Why a target left an incident. @type {Record<string, string>} */
export const LEFT = { well: 'well again', unasked: 'not probed any more', withdrawn: 'was an agent’s fault', maintenance: 'under maintenance' };

/** @type {[phase: string, meaning: string][]} */
export const PHASES = [
  ['resolve', 'finding the address'],
  ['connect', 'making the connection'],
  ['tls', 'securing it'],
  ['processing', 'waiting for the answer'],
  ['transfer', 'reading the answer'],
];

/** @type {Record<string, string>} */
const CHECK = {
  dns: 'Check first: does the name still exist (dig +short NAME), and has its domain expired? If it resolves for you, the name servers that the agents use are in question (--dns).',
  connect: 'Check first: is the server running and listening on this port, and does a firewall or security group let the agents through?',
  tls: 'Check first: the certificate. Is it expired, for another name, or without its intermediate? An authority of your own goes into tls_ca.',
  timeout: 'Check first: the load of the server, and whether something on the way drops packets silently. The bars below show which step the time went into.',
  protocol: 'Check first: is it the right port? An https:// URL on a plain port, or the other way round, looks like this.',
  redirect: 'Check first: follow the redirects by hand (curl -IL URL), and see where they begin to repeat.',
  read: 'Check first: the server’s or the proxy’s log for this moment. It closed the connection in the middle of its answer.',
  blocked: 'Agents do not dial this address (--deny-private, cloud metadata). If it is meant, allow it with --allow-network.',
};

/** @type {[first: number, last: number, text: string][]} */
const CHECK_STATUS = [
  [401, 403, 'Check first: does the site refuse the agents (a firewall, bot protection, credentials that expired)? If this is how it should answer, put the status into expect_status.'],
  [404, 404, 'Check first: was the page moved or taken away? The URL in the target file may be out of date.'],
  [408, 408, 'The site itself says that the request took too long. Check first: its load and its proxies.'],
  [429, 429, 'The site says that it is asked too often. Check first: a longer interval, or an exception for the agents.'],
  [502, 504, 'A proxy answered, and what is behind it did not. Check first: the application servers behind the load balancer.'],
  [500, 599, 'The site answered with an error of its own. Check first: its log for this moment, and its last deployment.'],
  [300, 399, 'It redirects. If that is meant, put the status into expect_status, or set follow_redirects.'],
  [200, 299, 'It answers, but not with a status that is expected. Check first: expect_status in the target file.'],
];

/**
 * A result in plain words, and what to check first.
 * @param {import('./types.js').Finding} probe
 * @returns {{text: string, check: string}}
 */
export function explain(probe) {
  if (probe.error) {
    return { text: FAILURES[probe.error] ?? probe.error, check: CHECK[probe.error] ?? '' };
  }
  if (probe.unexpected === 'body') {
    return {
      text: `it answered ${probe.status}, but its body is not what expect_body asks for`,
      check: 'Check first: open the page. An error page with status 200, or a text that was changed, looks like this.',
    };
  }
  const status = probe.status ?? 0;
  const found = CHECK_STATUS.find(([first, last]) => status >= first && status <= last);
  return {
    text: `it answered ${status}, which is not expected`,
    check: found?.[2] ?? 'Check first: expect_status in the target file.',
  };
}
