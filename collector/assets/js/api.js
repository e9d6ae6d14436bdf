// Reading the API. Where it is says the page itself (a meta element that whoever hosts it may fill in), never an
// address that somebody was sent: a token must not go to an origin that its owner did not choose.

const WAIT_MS = 15_000; // An API that takes longer than this counts as unreachable.
const REASON_MAX = 300;

const given = document.querySelector('meta[name="zonewatch-api"]')?.getAttribute('content')?.trim();
/** The folder that the API's routes are in. */
export const base = new URL(given ? given.replace(/\/*$/, '/') : './', document.baseURI);
const KEY = `zonewatch-token ${base.href}`;

/** An answer that is not the one asked for. */
export class Refusal extends Error {
  /** @param {number} status @param {string} text */
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

/** Whether the reader has given a token. */
export const hasToken = () => sessionStorage.getItem(KEY) !== null;

/** Kept in this tab, for this API alone. @param {string | null} token */
export function setToken(token) {
  if (token) sessionStorage.setItem(KEY, token);
  else sessionStorage.removeItem(KEY);
}

/**
 * @param {string} path without a slash before it
 * @param {Record<string, string | number | null | undefined>} [query] what is empty is left out
 */
export function address(path, query = {}) {
  const url = new URL(path, base);
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== '') url.searchParams.set(name, String(value));
  }
  return url;
}

/**
 * A response that is one; everything else is an exception.
 * @param {URL} url @param {RequestInit} options
 */
export async function ask(url, options) {
  const token = sessionStorage.getItem(KEY);
  /** @type {Record<string, string>} */
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const response = await fetch(url, { ...options, headers, credentials: 'omit', redirect: 'error' });
  if (response.ok) return response;
  throw new Refusal(response.status, reason(await response.text().catch(() => '')) || response.statusText);
}

/** What a problem document, or a plain text, gives as its reason. @param {string} text */
function reason(text) {
  try {
    const { detail, title } = JSON.parse(text);
    return String(detail ?? title ?? '');
  } catch {
    return text.trim().slice(0, REASON_MAX);
  }
}

/** The text of an answer. @param {URL} url @param {AbortSignal} signal */
export async function read(url, signal) {
  const either = AbortSignal.any([signal, AbortSignal.timeout(WAIT_MS)]);
  return (await ask(url, { signal: either, cache: 'no-cache' })).text();
}

/** @param {URL} url @param {AbortSignal} signal */
export async function post(url, signal) {
  return (await ask(url, { method: 'POST', signal, cache: 'no-store' })).json();
}
