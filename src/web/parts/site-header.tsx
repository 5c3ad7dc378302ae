// The head of every view: name, navigation, theme, and a word when the server cannot be reached.
import { useState } from 'preact/hooks';
import { askAgain, useConnection } from '../connection.ts';
import { routeLink } from '../route.ts';
import { chooseTheme, storedTheme, THEMES, type Theme } from '../theme.ts';
import { PLACES } from '../views.tsx';

export function SiteHeader({ place, onKeys }: { place: string; onKeys: () => void }) {
  return (
    <header class="site">
      <a class="wordmark" href={routeLink('')}>
        <EyeMark /> Tiresias
      </a>
      <nav aria-label="Main">
        {PLACES.map((one) => (
          <a key={one.place} href={routeLink(one.place)} aria-current={isBelow(place, one.place) ? 'page' : undefined}>
            {one.title}
          </a>
        ))}
        <a href="docs">API</a>
      </nav>
      <div class="frame-tools">
        <ThemeSwitch />
        <button type="button" class="quiet" aria-label="Keys" title="Keys (?)" onClick={onKeys}>
          ?
        </button>
      </div>
    </header>
  );
}

/** A sweep belongs to the sweeps, a job to the jobs. */
function isBelow(place: string, of: string): boolean {
  const [first = ''] = place.split('/', 1);
  return first === of || (first === 'jobs' && of === '');
}

function ThemeSwitch() {
  const [theme, setTheme] = useState(storedTheme);
  const choose = (next: Theme) => {
    chooseTheme(next);
    setTheme(next);
  };
  return (
    <label class="theme">
      <span class="sr-only">Theme</span>
      <select value={theme} onChange={(event) => choose(THEMES[event.currentTarget.selectedIndex] ?? 'auto')}>
        {THEMES.map((one) => (
          <option key={one}>{one}</option>
        ))}
      </select>
    </label>
  );
}

/** Stays away while all is well. */
export function OfflineNotice() {
  const isReached = useConnection();
  const [isAsking, setIsAsking] = useState(false);
  const ask = async () => {
    setIsAsking(true);
    await askAgain();
    setIsAsking(false);
  };
  return (
    <div role="status" class="offline-place">
      {!isReached && (
        <div class="offline">
          <p>
            <strong>The server cannot be reached.</strong> What you see may be old; the page goes on by itself when it
            answers again.
          </p>
          <button type="button" disabled={isAsking} onClick={() => void ask()}>
            {isAsking ? 'Asking…' : 'Try again'}
          </button>
        </div>
      )}
    </div>
  );
}

function EyeMark() {
  return (
    <svg class="eye" viewBox="0 0 32 32" aria-hidden="true">
      <path d="M2 16C6 8.500 11 6 16 6s10 2.500 14 10c-4 7.500-9 10-14 10S6 23.500 2 16Z" />
      <circle cx="16" cy="16" r="6" />
      <path class="pupil" d="M16 10a6 6 0 0 1 0 12Z" />
    </svg>
  );
}
