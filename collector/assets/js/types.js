// The shapes of the API's answers, as docs/api.md has them. Types only: nothing here runs.

/** @typedef {{total: number, up: number, degraded: number, partial: number, down: number, unknown: number, paused: number}} Verdicts */
/** @typedef {{p50: number | null, p90: number | null, p95: number | null, p99: number | null, max: number | null}} Latency */
/** @typedef {{low: number, high: number, coverage: number}} Uptime */
/**
 * @typedef {object} Slots
 * @property {number} expected @property {number} received @property {Record<string, number>} missed @property {number} open
 */
/**
 * @typedef {object} Round
 * @property {string} start @property {number} expected @property {number} received
 * @property {Record<string, number>} missed @property {number} open
 * @property {Record<string, number>} status_codes @property {Record<string, number>} failures
 * @property {Latency} [latency_ms]
 */
/**
 * @typedef {object} Summary
 * @property {string} as_of @property {{from: string, to: string}} window
 * @property {Verdicts} targets @property {Slots} slots
 * @property {Record<string, number>} status_codes @property {{status: number, body: number}} unexpected
 * @property {Record<string, number>} failures @property {Latency} latency_ms
 * @property {Uptime | null} uptime @property {Round[]} rounds @property {number | null} [in_maintenance]
 */
/**
 * @typedef {object} Listed
 * @property {string} name @property {string} url @property {string} category @property {Record<string, string>} labels
 * @property {string} interval @property {boolean} paused @property {string} verdict @property {string | null} since
 * @property {number | null} status @property {string | null} error @property {number | null} latency_ms
 * @property {string | null} last_planned @property {LastHour} [last_hour]
 * @property {string | null} [maintenance] until when it is under maintenance
 */
/** The past hour, a letter a cell of time; maintenance: a w for each under maintenance. @typedef {{cell_ms: number, cells: string, maintenance?: string | null}} LastHour */
/** @typedef {{targets: Listed[], total: number, next_cursor: string | null}} TargetsPage */
/** What one probe found. @typedef {object} Finding
 * @property {number | null} [status] @property {string | null} [error] @property {string | null} [unexpected]
 */
/**
 * @typedef {object} Probe
 * @property {string} planned @property {string} started @property {string} agent @property {string} zone
 * @property {number | null} status @property {string | null} error @property {string | null} unexpected
 * @property {string | null} cause @property {number} latency_ms @property {Record<string, number>} phases_ms
 * @property {string | null} address @property {string | null} certificate_expires
 * @property {string | null} [protocol] @property {string | null} [tls] @property {number} [redirects]
 * @property {string | null} [location] @property {string | null} [certificate_subject]
 * @property {string | null} [certificate_issuer] @property {Record<string, string>} [headers]
 * @property {string | null} [body_start] @property {number | null} [body_bytes]
 */
/** @typedef {{success: string, failure: string}} Difference */
/**
 * What is different between the last success and the newest failure.
 * @typedef {object} Changed
 * @property {Difference | null} [redirect]
 * @property {Difference | null} status @property {Difference | null} address @property {Difference | null} certificate
 * @property {{phase: string, success_ms: number, failure_ms: number} | null} slow_phase
 */
/**
 * @typedef {object} At
 * @property {string} vantage @property {string} verdict @property {string | null} [since]
 * @property {LastHour} [last_hour] @property {Changed | null} [changed] @property {string | null} next_planned @property {Probe | null} newest
 * @property {Probe | null} last_success @property {Probe | null} newest_failure
 */
/**
 * @typedef {object} Target
 * @property {string} name @property {string} url @property {string} category @property {Record<string, string>} labels
 * @property {string} interval @property {string} timeout @property {string} method @property {string} expect_status
 * @property {boolean} paused @property {string} verdict @property {string | null} since @property {At[]} vantages
 * @property {string | null} [maintenance] until when it is under maintenance
 */
/**
 * A change of a verdict.
 * @typedef {object} Change
 * @property {number} id @property {string} name @property {string} category @property {string} from
 * @property {string | null} since @property {string} to @property {string} at @property {number} fresh
 * @property {(Finding & {vantage: string})[]} failing
 */
/**
 * A target that has an incident, or had it (left), with the evidence by which it joined; without a name: the monitor itself.
 * @typedef {object} Member
 * @property {string | null} name @property {boolean} down @property {string} since @property {string | null} left
 * @property {string | null} why_left @property {string} vantage @property {string} planned @property {number | null} status
 * @property {string | null} error @property {string | null} unexpected @property {string | null} address @property {string} cause
 */
/**
 * What people should know of.
 * @typedef {object} Incident
 * @property {string} id @property {string} kind @property {'open' | 'closed'} state @property {string} severity @property {string} title
 * @property {{kind: string, value: string}} cause @property {Record<string, string>} labels
 * @property {string} opened @property {string | null} closed @property {number} flaps
 * @property {{now: number, peak: number}} members @property {Member[]} targets
 */
/** @typedef {{open: number, incidents: Incident[], next_cursor: string | null}} Incidents */
/**
 * @typedef {object} Hour
 * @property {string} start @property {boolean} final @property {number} revision @property {Slots} slots
 * @property {Record<string, number>} status_codes @property {Record<string, number>} failures
 * @property {Latency} latency_ms @property {Uptime | null} uptime @property {number | null} [in_maintenance]
 */
/**
 * @typedef {object} Slot
 * @property {string} planned @property {string} vantage @property {'received' | 'missed' | 'open'} state
 * @property {string | null} agent @property {string | null} zone @property {number | null} status
 * @property {string | null} error @property {string | null} unexpected @property {string | null} missed
 * @property {number | null} latency_ms @property {boolean} [maintenance]
 */
/** @typedef {{hours: Hour[], slots_from: string | null, slots: Slot[]}} History */
/** What a probe that was asked for found. @typedef {Omit<Probe, 'planned' | 'agent' | 'zone'>} Found */
/** @typedef {{vantage: string, agent: string | null, zone: string | null, answer: string, result: Found | null}} Asked */
/**
 * @typedef {object} Agent
 * @property {string} id @property {string} vantage @property {string} zone @property {string} state
 * @property {number} targets @property {string} version @property {number} capacity @property {number} in_flight
 * @property {number} waiting @property {number} outbox_bytes @property {number} lateness_ms
 * @property {number} [shards] @property {number | null} [clock_offset_ms] @property {number | null} [clock_error_ms]
 * @property {string} connected_since @property {string} last_heard @property {string | null} watermark
 * @property {{name: string, reason: string}[]} refused
 * @property {boolean} [behind] @property {Progress} [settings] @property {Progress} [assignment]
 * @property {{since: string, with: string} | null} [suspect]
 */
/** How far an agent is with what it is told. @typedef {{desired: number, applied: number, behind_ms: number, problem?: string | null}} Progress */
/** What a vantage's targets ask for, and what its agents have. @typedef {{at_once: number, needed: number, more_agents: number}} Capacity */
/** @typedef {{name: string, state: string, agents: number, targets: number, last_seen: string | null, capacity?: Capacity}} Vantage */
/** @typedef {{file: string, problem?: string | null, total: number, rows: {line: number, name: string | null, reason: string}[]}} Rejected */

export {};
