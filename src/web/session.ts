// The page's session: where the server asks for tokens, a cookie that scripts cannot read, and a token that every change must carry.
import { ApiError, apiAddress, call } from './api-call.ts';
import { usePolled } from './polling.ts';

/** Shows the server a token; the page is let in from then on. Throws ApiError when it is refused. */
export async function signIn(token: string): Promise<void> {
  const answer = await fetch(apiAddress('session'), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ token }),
  });
  if (answer.ok) return;
  const { detail = `the server answered ${answer.status}` } = (await answer.json().catch(() => ({}))) as {
    detail?: string;
  };
  throw new ApiError(answer.status, detail);
}

/** Whether this page may do what is for admins; false while that is not known. */
export function useIsAdmin(): boolean {
  const { data } = usePolled(() => call<SessionView>(apiAddress('session')), 'session', 0);
  return data !== undefined && (data.access === 'open' || data.caller?.scope === 'admin');
}

interface SessionView {
  readonly access: 'open' | 'tokens';
  readonly caller: { readonly scope: string } | null;
}
