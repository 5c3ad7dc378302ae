// The parts of a view as links: which one is shown is in the address, so that it can be kept, sent and gone back from.
import { routeLink } from '../route.ts';

export interface Tab {
  readonly key: string;
  readonly title: string;
}

interface Props {
  label: string;
  tabs: readonly Tab[];
  current: string;
  path: string;
  settings: Readonly<Record<string, string | undefined>>;
}

export function TabBar({ label, tabs, current, path, settings }: Props) {
  return (
    <nav class="tabs" aria-label={label}>
      {tabs.map(({ key, title }) => (
        <a
          key={key}
          href={routeLink(path, { ...settings, tab: key })}
          aria-current={key === current ? 'page' : undefined}
        >
          {title}
        </a>
      ))}
    </nav>
  );
}
