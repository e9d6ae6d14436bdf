// What a view is: a skeleton built once, what it wants of the API, and a drawing of what came. Types only.

/** @typedef {import('./route.js').Route} Route */
/** @typedef {(key: string) => import('./sources.js').AnyEntry} Entries */
/** @typedef {{route: Route, entry: Entries}} Draw */
/** @typedef {{route: () => Route, redraw: () => void, rewant: () => void, entry: Entries}} Context */
/**
 * @typedef {object} View
 * @property {(route: Route) => string} title
 * @property {(root: HTMLElement, context: Context) => void} mount
 * @property {(route: Route) => Record<string, import('./sources.js').Spec>} sources
 * @property {(draw: Draw) => void} draw
 */

export {};
