// A picture of many steps that can be read step by step: by pointer, by arrow keys, by screen reader. Each step has its
// account in words, which stands below the picture.

/**
 * @typedef {object} Steps
 * @property {number} count
 * @property {(i: number) => string} account
 * @property {(fraction: number) => number} find the step at a fraction of the width
 * @property {(i: number | null) => void} mark shows which one is meant
 */

/** @type {WeakMap<Element, {steps: Steps, at: number | null}>} */
const scrubbed = new WeakMap();

/**
 * Makes `picture` readable step by step. Called with every drawing: it listens once.
 * @param {HTMLElement} picture @param {Element} words where the account stands @param {string} idle what stands there otherwise
 * @param {Steps} steps
 */
export function scrub(picture, words, idle, steps) {
  const known = scrubbed.get(picture);
  /** @type {{steps: Steps, at: number | null}} */
  const state = known ?? { steps, at: null };
  state.steps = steps;
  if (state.at !== null && state.at >= steps.count) state.at = null;
  picture.setAttribute('aria-valuemin', '1');
  picture.setAttribute('aria-valuemax', String(Math.max(1, steps.count)));
  const show = () => {
    const hint = state.steps.count ? idle : '';
    const text = state.at === null ? hint : state.steps.account(state.at);
    if (words.textContent !== text) words.textContent = text;
    picture.setAttribute('aria-valuenow', String((state.at ?? state.steps.count - 1) + 1));
    picture.setAttribute('aria-valuetext', text);
    state.steps.mark(state.at);
  };
  show();
  if (known) return;
  scrubbed.set(picture, state);
  picture.tabIndex = 0;
  picture.setAttribute('role', 'slider');
  /** @param {number | null} at */
  const go = (at) => {
    state.at = at === null || state.steps.count === 0 ? null : Math.min(Math.max(at, 0), state.steps.count - 1);
    show();
  };
  picture.addEventListener('pointermove', (event) => {
    const box = picture.getBoundingClientRect();
    go(state.steps.find((event.clientX - box.left) / box.width));
  });
  picture.addEventListener('pointerleave', () => { if (document.activeElement !== picture) go(null); });
  picture.addEventListener('blur', () => go(null));
  picture.addEventListener('keydown', (event) => {
    const last = state.steps.count - 1;
    const from = state.at ?? last + 1;
    const to = { ArrowLeft: from - 1, ArrowRight: Math.min(from + 1, last), Home: 0, End: last }[event.key];
    if (event.key === 'Escape') go(null);
    if (to === undefined) return;
    event.preventDefault();
    go(to);
  });
}
