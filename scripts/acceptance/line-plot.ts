// Curves over steps as SVG, legible on light and dark paper; the value axis is logarithmic.

export interface Curve {
  readonly label: string;
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

const WIDTH = 760;
const HEIGHT = 460;
const MARGIN = { left: 64, right: 150, top: 40, bottom: 52 };
const COLOURS = ['#3b78c4', '#c4513b', '#3b9a5f', '#8a5cc4', '#b58a1b', '#3ba5b0', '#888888'];

/** The plot as an SVG document; values that are not positive are left out. */
export function logLinePlot(title: string, xLabel: string, yLabel: string, curves: readonly Curve[]): string {
  const shown = curves.map(({ label, points }) => ({ label, points: points.filter(({ y }) => y > 0) }));
  const xs = shown.flatMap(({ points }) => points.map(({ x }) => x));
  const exponents = shown.flatMap(({ points }) => points.map(({ y }) => Math.log10(y)));
  const [left, right] = [Math.min(...xs), Math.max(...xs)];
  const [low, high] = [Math.floor(Math.min(...exponents)), Math.ceil(Math.max(...exponents))];
  const xOf = (x: number) =>
    MARGIN.left + ((x - left) / Math.max(1, right - left)) * (WIDTH - MARGIN.left - MARGIN.right);
  const yOf = (exponent: number) =>
    HEIGHT - MARGIN.bottom - ((exponent - low) / Math.max(1, high - low)) * (HEIGHT - MARGIN.top - MARGIN.bottom);
  const text = (x: number, y: number, words: string, more = '') =>
    `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${more}>${words}</text>`;
  const rows = Array.from({ length: high - low + 1 }, (_, i) => low + i).flatMap((exponent) => [
    `<path d="M${MARGIN.left} ${yOf(exponent).toFixed(1)}H${WIDTH - MARGIN.right}" stroke="#8884"/>`,
    text(MARGIN.left - 8, yOf(exponent) + 4, `1e${exponent}`, 'text-anchor="end"'),
  ]);
  const columns = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const x = Math.round(left + share * (right - left));
    return text(xOf(x), HEIGHT - MARGIN.bottom + 18, String(x), 'text-anchor="middle"');
  });
  const lines = shown.flatMap(({ label, points }, i) => {
    const colour = COLOURS[i % COLOURS.length]!; // the index is in range
    const path = points.map(({ x, y }) => `${xOf(x).toFixed(1)} ${yOf(Math.log10(y)).toFixed(1)}`).join('L');
    return [
      `<path d="M${path}" fill="none" stroke="${colour}" stroke-width="1.5"/>`,
      text(WIDTH - MARGIN.right + 10, MARGIN.top + 18 * (i + 1), label, `fill="${colour}"`),
    ];
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="13" fill="#777">`,
    text(WIDTH / 2, 24, title, 'text-anchor="middle" font-size="15"'),
    ...rows,
    ...columns,
    ...lines,
    text((MARGIN.left + WIDTH - MARGIN.right) / 2, HEIGHT - 12, xLabel, 'text-anchor="middle"'),
    text(18, HEIGHT / 2, yLabel, `text-anchor="middle" transform="rotate(-90 18 ${HEIGHT / 2})"`),
    '</svg>\n',
  ].join('\n');
}
