// Keys of the whole page: `?` for their list, `g` and a letter for a view, `/` for the search field. They can be switched off, for
// readers whose tools type letters by themselves.
import { useEffect, useRef } from 'preact/hooks';
import { goTo, routeLink } from './route.ts';
import { readStored, writeStored } from './theme.ts';
import { PLACES } from './views.tsx';

const KEY = 'tiresias-keys';
/** A letter belongs to the `g` before it for so long. */
const PAIR_WITHIN_MS = 1_500;

export function areKeysOn(): boolean {
  return readStored(KEY) !== 'off';
}

export function switchKeys(isOn: boolean): void {
  writeStored(KEY, isOn ? 'on' : 'off');
}

/** Listens to keys while the page is shown; `?` calls `onHelp`. */
export function useKeys(onHelp: () => void): void {
  const help = useRef(onHelp);
  help.current = onHelp;
  useEffect(() => {
    let goUntilMs = 0;
    const press = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || !areKeysOn()) return;
      const place = event.timeStamp < goUntilMs ? PLACES.find(({ key }) => key === event.key) : undefined;
      goUntilMs = event.key === 'g' ? event.timeStamp + PAIR_WITHIN_MS : 0;
      if (place !== undefined) goTo(routeLink(place.place));
      else if (event.key === '?') help.current();
      else if (event.key !== '/' || !focusSearch()) return;
      event.preventDefault();
    };
    addEventListener('keydown', press);
    return () => removeEventListener('keydown', press);
  }, []);
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest('input, select, textarea, dialog, [contenteditable]') !== null;
}

/** Opens what it is folded into. */
function focusSearch(): boolean {
  const field = document.querySelector<HTMLInputElement>('input[type="search"]');
  for (let fold = field?.closest('details'); fold; fold = fold.parentElement?.closest('details')) fold.open = true;
  field?.focus();
  return field !== null;
}
