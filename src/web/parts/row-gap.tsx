// Stands for rows of a long table that are not drawn.

export function RowGap({ heightPx }: { heightPx: number }) {
  return <tr class="gap" role="presentation" style={{ height: `${heightPx}px` }} />;
}
