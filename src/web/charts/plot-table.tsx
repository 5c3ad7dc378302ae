// The figures of a plot as a table: one row a mark, its first cell the name.
import { HeadRow } from '../parts/head-row.tsx';

interface Props {
  title: string;
  names: readonly string[];
  rows: readonly { readonly key: string; readonly cells: readonly (string | number)[] }[];
}

export function PlotTable({ title, names, rows }: Props) {
  return (
    <table class="figures">
      <caption class="sr-only">{title}</caption>
      <HeadRow names={names} />
      <tbody>
        {rows.map(({ key, cells: [name, ...others] }) => (
          <tr key={key}>
            <th scope="row">{name}</th>
            {others.map((cell, place) => (
              <td key={place}>{cell}</td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
