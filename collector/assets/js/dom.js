// Elements, and the one way in which anything reaches the page: as text nodes and attributes, never as markup.

/** Lists may hold lists. @typedef {Node | string | number | boolean | null | undefined | any[]} Child */
/** @typedef {Record<string, string | number | boolean | null | undefined>} Attributes */

const SVG = 'http://www.w3.org/2000/svg';

/**
 * What may stand in a list of children: nodes, text, numbers, lists of them; nothing (null, false, '') is left out.
 * @param {Child[]} children
 * @returns {Node[]}
 */
function nodes(children) {
  /** @type {Node[]} */
  const out = [];
  for (const child of children) {
    if (Array.isArray(child)) out.push(...nodes(child));
    else if (child instanceof Node) out.push(child);
    else if (typeof child === 'number' || (typeof child === 'string' && child !== '')) {
      out.push(document.createTextNode(String(child)));
    }
  }
  return out;
}

/**
 * @template {Element} E
 * @param {E} element
 * @param {Attributes} attributes
 * @param {Child[]} children
 */
function dress(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    element.setAttribute(name, value === true ? '' : String(value));
  }
  element.append(...nodes(children));
  return element;
}

/**
 * An HTML element.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag @param {Attributes} [attributes] @param {Child[]} children
 */
export function h(tag, attributes = {}, ...children) {
  return dress(document.createElement(tag), attributes, children);
}

/**
 * An SVG element.
 * @template {keyof SVGElementTagNameMap} K
 * @param {K} tag @param {Attributes} [attributes] @param {Child[]} children
 */
export function s(tag, attributes = {}, ...children) {
  return dress(document.createElementNS(SVG, tag), attributes, children);
}

/**
 * Makes the children of `parent` like `children`, touching only what differs: no flicker, focus and selection stay.
 * @param {Element} parent @param {Child[]} children
 */
export function paint(parent, ...children) {
  align(parent, nodes(children));
}

/** @param {Element} parent @param {Node[]} fresh */
function align(parent, fresh) {
  fresh.forEach((node, i) => {
    const old = place(parent, i, node);
    if (!old) parent.append(node);
    else if (old === node) return;
    else if (!alike(old, node)) parent.replaceChild(node, old);
    else if (old instanceof Text && node instanceof Text) {
      if (old.data !== node.data) old.data = node.data;
    } else if (old instanceof Element && node instanceof Element) {
      redress(old, node);
      align(old, [...node.childNodes]);
    }
  });
  while (parent.childNodes.length > fresh.length) parent.lastChild?.remove();
}

const key = (/** @type {Node | undefined} */ node) => (node instanceof HTMLElement ? node.dataset.key : undefined);

/**
 * What stands at place `i`, and may become `node`: if that has a key, what has the same one, brought here.
 * @param {Element} parent @param {number} i @param {Node} node
 */
function place(parent, i, node) {
  const there = parent.childNodes[i];
  const wanted = key(node);
  if (wanted === undefined || key(there) === wanted) return there;
  for (let next = there?.nextSibling; next; next = next.nextSibling) {
    if (key(next) !== wanted) continue;
    parent.insertBefore(next, there);
    return next;
  }
  if (there) parent.insertBefore(node, there); // A new one: what was here comes after it.
  return there ? node : undefined;
}

/**
 * Whether one can become the other by attributes and children alone. What has a key stays itself, so that focus does
 * not slip from one row to another.
 * @param {Node} old @param {Node} node
 */
function alike(old, node) {
  return old.nodeName === node.nodeName && key(old) === key(node);
}

/** @param {Element} old @param {Element} fresh */
function redress(old, fresh) {
  for (const { name } of [...old.attributes]) {
    const readers = name === 'open' && old instanceof HTMLDetailsElement; // What the reader unfolded stays so.
    if (!fresh.hasAttribute(name) && !readers) old.removeAttribute(name);
  }
  for (const { name, value } of [...fresh.attributes]) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
}

/**
 * The element with this id inside a part of the page; it is there, or the page is broken.
 * @param {string} id @returns {HTMLElement}
 */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`no element #${id}`);
  return found;
}
