// Light or dark: as the system says, or as the reader chose on this browser. The style sheet does the rest by `color-scheme`.
export const THEMES = ['auto', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

const KEY = 'tiresias-theme';

/** What the reader chose; `auto` where nothing is stored or nothing can be. */
export function storedTheme(): Theme {
  const stored = readStored(KEY);
  return THEMES.find((theme) => theme === stored) ?? 'auto';
}

/** Shows the page in a theme. */
export function showTheme(theme: Theme): void {
  if (theme === 'auto') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = theme;
  dispatchEvent(new Event('themechange')); // what is drawn on a canvas does not follow the style sheet
}

/** Shows a theme and keeps it for the next visit. */
export function chooseTheme(theme: Theme): void {
  writeStored(KEY, theme);
  showTheme(theme);
}

/** A text of this browser's local storage; undefined where there is none or the browser keeps nothing. */
export function readStored(key: string): string | undefined {
  try {
    return localStorage.getItem(key) ?? undefined;
  } catch {
    return undefined;
  }
}

export function writeStored(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // A browser that keeps nothing shows what was chosen until the page is left.
  }
}
