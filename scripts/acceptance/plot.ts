// A scatter plot with labelled points as SVG, legible on light and dark paper.

export interface Scatter {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly points: readonly { readonly label: string; readonly x: number; readonly y: number }[];
  readonly lines: readonly { readonly label: string; readonly slope: number; readonly intercept: number }[];
}

const WIDTH = 640;
const HEIGHT = 480;
const MARGIN = { left: 64, right: 24, top: 40, bottom: 52 };

/** The plot as an SVG document. */
export function scatterPlot({ title, xLabel, yLabel, points, lines }: Scatter): string {
  const most = Math.ceil(Math.max(...points.flatMap(({ x, y }) => [Math.abs(x), Math.abs(y)])));
  const xOf = (x: number) => MARGIN.left + ((x + most) / (2 * most)) * (WIDTH - MARGIN.left - MARGIN.right);
  const yOf = (y: number) => HEIGHT - MARGIN.bottom - ((y + most) / (2 * most)) * (HEIGHT - MARGIN.top - MARGIN.bottom);
  const ticks = Array.from({ length: 2 * most + 1 }, (_, i) => i - most);
  const text = (x: number, y: number, words: string, more = '') =>
    `<text x="${n(x)}" y="${n(y)}" ${more}>${words}</text>`;
  const grid = ticks.flatMap((tick) => [
    `<path d="M${n(xOf(tick))} ${MARGIN.top}V${HEIGHT - MARGIN.bottom}M${MARGIN.left} ${n(yOf(tick))}H${WIDTH - MARGIN.right}" stroke="#8884"/>`,
    text(xOf(tick), HEIGHT - MARGIN.bottom + 18, String(tick), 'text-anchor="middle"'),
    text(MARGIN.left - 8, yOf(tick) + 4, String(tick), 'text-anchor="end"'),
  ]);
  const rules = lines.map(({ slope, intercept }) => {
    const [a, b] = [-most, most].map(
      (x) => `${n(xOf(x))} ${n(yOf(Math.max(-most, Math.min(most, slope * x + intercept))))}`,
    );
    return `<path d="M${a}L${b}" stroke="#888" stroke-dasharray="5 4"/>`;
  });
  const marks = points.map(
    ({ label, x, y }) =>
      `<circle cx="${n(xOf(x))}" cy="${n(yOf(y))}" r="4" fill="#3b78c4"><title>${label}</title></circle>`,
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="13" fill="#777">`,
    text(WIDTH / 2, 24, title, 'text-anchor="middle" font-size="15"'),
    ...grid,
    ...rules,
    ...marks,
    text(WIDTH / 2, HEIGHT - 12, xLabel, 'text-anchor="middle"'),
    text(18, HEIGHT / 2, yLabel, `text-anchor="middle" transform="rotate(-90 18 ${HEIGHT / 2})"`),
    '</svg>\n',
  ].join('\n');
}

function n(value: number): string {
  return value.toFixed(1);
}
