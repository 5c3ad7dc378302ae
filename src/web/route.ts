// Which view is shown, and its settings, live in the address after `#`: `#/`, `#/new`, `#/jobs/ID?smooth=0`.
// After `#`, because then the server needs to know one file only, and a link works behind any prefix.
import { useEffect, useState } from 'preact/hooks';

export interface Route {
  readonly path: readonly string[];
  readonly query: Readonly<Record<string, string>>;
}

/** Reads the part of an address from `#` on. */
export function parseRoute(hash: string): Route {
  const [path = '', search = ''] = hash.replace(/^#\/?/, '').split('?', 2);
  return {
    path: path
      .split('/')
      .filter((part) => part !== '')
      .map(decodeURIComponent),
    query: Object.fromEntries(new URLSearchParams(search)),
  };
}

/** The link to a view; settings that are undefined are left out. */
export function routeLink(path: string, query: Readonly<Record<string, string | undefined>> = {}): string {
  const given = Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const search = new URLSearchParams(given).toString();
  return `#/${path}${search === '' ? '' : `?${search}`}`;
}

export function jobLink(id: string): string {
  return routeLink(`jobs/${encodeURIComponent(id)}`);
}

/** Opens a view as a click on its link would. */
export function goTo(link: string): void {
  location.hash = link;
}

/** Changes one setting of the view in the address; makes no entry in the history. */
export function setSetting(key: string, value: string | undefined): void {
  setSettings({ [key]: value });
}

/** Changes several settings at once; those that are undefined are taken away. */
export function setSettings(changes: Readonly<Record<string, string | undefined>>): void {
  const { path, query } = parseRoute(location.hash);
  const link = routeLink(path.map(encodeURIComponent).join('/'), { ...query, ...changes });
  history.replaceState(null, '', link);
  dispatchEvent(new HashChangeEvent('hashchange'));
}

/** The view that the address names, kept up to date. */
export function useRoute(): Route {
  const [route, setRoute] = useState(() => parseRoute(location.hash));
  useEffect(() => {
    const read = () => setRoute(parseRoute(location.hash));
    addEventListener('hashchange', read);
    read(); // the address may have changed between the first drawing and now
    return () => removeEventListener('hashchange', read);
  }, []);
  return route;
}
