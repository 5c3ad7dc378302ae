// The page: one frame around the view that the address names.
import { render } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { useKeys } from './keys.ts';
import { KeysDialog } from './parts/keys-dialog.tsx';
import { OfflineNotice, SiteHeader } from './parts/site-header.tsx';
import { useRoute } from './route.ts';
import { showTheme, storedTheme } from './theme.ts';
import { View } from './views.tsx';
import './style.css';
import './frame.css';

function Page() {
  const route = useRoute();
  const main = useRef<HTMLElement>(null);
  const place = route.path.join('/');
  const isFirst = useRef(true);
  const [isHelpOpen, setIsHelpOpen] = useState(false);
  useKeys(() => setIsHelpOpen(true));
  useEffect(() => {
    // A new view starts at its top, for eyes and for screen readers; the first one is where the browser put it.
    if (!isFirst.current) {
      scrollTo(0, 0);
      main.current?.focus({ preventScroll: true });
    }
    isFirst.current = false;
  }, [place]);
  return (
    <>
      <button type="button" class="skip" onClick={() => main.current?.focus()}>
        Skip to the content
      </button>
      <SiteHeader place={place} onKeys={() => setIsHelpOpen(true)} />
      <OfflineNotice />
      <main ref={main} tabIndex={-1}>
        <View {...route} />
      </main>
      <footer class="site">Effect = intervention − control. Intervals are 95 %. Rates are shares of items.</footer>
      <KeysDialog isOpen={isHelpOpen} onClose={() => setIsHelpOpen(false)} />
    </>
  );
}

const root = document.getElementById('app');
if (root === null) throw new Error('bug: index.html has no #app');
showTheme(storedTheme());
render(<Page />, root);
