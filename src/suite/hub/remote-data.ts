// Token files on the hub: hf:// addresses as the URLs that datasets are read from, and the header that lets the hub, and nobody else, see the token.
import { InputError } from '../../errors.ts';
import { hubFileUrl, parseHubAddress } from './address.ts';
import { authorization, type HubAccess } from './request.ts';

/** What remote token files need of the hub. */
export type HubLogin = Pick<HubAccess, 'endpoint' | 'token'>;

/** The path or URL that a prefix stands for: hf://datasets/ORG/NAME[@revision]/path becomes the hub's URL. Throws InputError. */
export function dataPrefix(prefix: string, hub: HubLogin | undefined): string {
  if (!prefix.startsWith('hf://')) return prefix;
  const address = parseHubAddress(prefix);
  if (hub === undefined) throw new InputError(`${prefix}: no hub is set up here; give an http(s) URL`);
  return hubFileUrl(address, hub.endpoint);
}

/** Headers for reading from a prefix; none for paths and for other servers than the hub. */
export function dataHeaders(prefix: string, hub: HubLogin | undefined): { headers?: Readonly<Record<string, string>> } {
  if (hub === undefined || !URL.canParse(prefix)) return {};
  const headers = authorization(hub, new URL(prefix));
  return Object.keys(headers).length === 0 ? {} : { headers };
}
