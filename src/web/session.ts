// The page's session: where the server asks for tokens, a cookie that scripts cannot read, and a token that every change must carry.
import { ApiError, apiAddress } from './api-call.ts';

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
