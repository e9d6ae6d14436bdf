// Where the reader is: in the fragment of the address, so that it can be sent on, works below any path, and needs no
// server that knows of it.  #/targets?verdict=down   #/target/NAME

/** @typedef {{view: 'overview' | 'targets' | 'target' | 'incidents' | 'incident' | 'fleet', name: string, query: Record<string, string>}} Route */

/** @param {string} hash @returns {Route} */
export function parse(hash) {
  const [path, query = ''] = hash.replace(/^#\/?/, '').split(/\?(.*)/s);
  const [view, name = ''] = path.split(/\/(.*)/s);
  const given = Object.fromEntries(new URLSearchParams(query));
  if ((view === 'target' || view === 'incident') && name) return { view, name: decoded(name), query: given };
  if (view === 'targets' || view === 'incidents' || view === 'fleet') return { view, name: '', query: given };
  return { view: 'overview', name: '', query: given };
}

/** @param {string} text */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** @param {string} path @param {Record<string, string | undefined>} [query] what is empty is left out */
export function link(path, query = {}) {
  const kept = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value) kept.set(name, value);
  return `#/${path}${kept.size ? `?${kept}` : ''}`;
}

/** The address of one target's page. @param {string} name */
export const toTarget = (name) => link(`target/${encodeURIComponent(name)}`);

/** The address of one incident's page. @param {string} id */
export const toIncident = (id) => link(`incident/${encodeURIComponent(id)}`);

/** Changes the query of where the reader is, without a step in their history. @param {Route} route @param {Record<string, string>} query */
export function requery(route, query) {
  const path = route.view === 'overview' ? '' : route.view + (route.name ? `/${encodeURIComponent(route.name)}` : '');
  history.replaceState(null, '', link(path, query));
  dispatchEvent(new HashChangeEvent('hashchange'));
}
