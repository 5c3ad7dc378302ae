// Signing in where the server asks for tokens: typed in, or in the address that the demo prints, behind `#`, so that it reaches no log.
import { useEffect, useState } from 'preact/hooks';
import { refusalWords } from '../refusal-words.ts';
import { signIn } from '../session.ts';

export function SignInPage({ token }: { token: string | undefined }) {
  const [typed, setTyped] = useState('');
  const [fault, setFault] = useState('');
  const enter = async (shown: string) => {
    try {
      await signIn(shown.trim());
      location.hash = '#/';
      location.reload(); // what was refused is asked for anew
    } catch (error) {
      setFault(refusalWords(error));
    }
  };
  useEffect(() => {
    document.title = 'Sign in – Tiresias';
    if (token === undefined) return;
    history.replaceState(null, '', '#/sign-in'); // out of the address, and of the history
    void enter(token);
  }, []);
  return (
    <>
      <h1>Sign in</h1>
      <form
        class="sign-in"
        onSubmit={(event) => {
          event.preventDefault();
          void enter(typed);
        }}
      >
        <div class="field">
          <label for="token">Token</label>
          <input
            id="token"
            type="password"
            autocomplete="current-password"
            value={typed}
            aria-describedby="token-help"
            aria-invalid={fault !== '' ? 'true' : undefined}
            onInput={(event) => setTyped(event.currentTarget.value)}
          />
          <p class="help" id="token-help">
            <code>tiresias tokens create</code> makes one.
          </p>
          {fault !== '' && <p role="alert">{fault}</p>}
        </div>
        <button type="submit" class="primary">
          Sign in
        </button>
      </form>
    </>
  );
}
