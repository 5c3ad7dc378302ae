// Saves a text, or a plot as SVG or PNG, as a file of the reader's. A plot leaves with its colours written out, because the page's style
// sheet stays behind.

/** Saves a text under a name. */
export function saveText(name: string, text: string, mediaType: string): void {
  saveBlob(name, new Blob([text], { type: `${mediaType};charset=utf-8` }));
}

function saveBlob(name: string, blob: Blob): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000); // the browser reads it after the click
}

export function savePlotAsSvg(name: string, plot: SVGSVGElement): void {
  saveText(`${name}.svg`, standAlone(plot), 'image/svg+xml');
}

const PIXELS_PER_UNIT = 2;

/** Throws when the browser cannot draw it. */
export async function savePlotAsPng(name: string, plot: SVGSVGElement): Promise<void> {
  const { width, height } = plot.getBoundingClientRect();
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(standAlone(plot))}`;
  await image.decode();
  const canvas = document.createElement('canvas');
  canvas.width = Math.round(PIXELS_PER_UNIT * width);
  canvas.height = Math.round(PIXELS_PER_UNIT * height);
  const context = canvas.getContext('2d');
  if (context === null) throw new Error('the browser gives no canvas');
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, 'image/png'));
  if (blob === null) throw new Error('the browser writes no PNG');
  saveBlob(`${name}.png`, blob);
}

const STYLES = [
  ...['fill', 'fill-opacity', 'stroke', 'stroke-width', 'stroke-dasharray', 'stroke-linejoin', 'opacity'],
  ...['font-family', 'font-size', 'font-weight', 'font-variant-numeric', 'text-anchor', 'dominant-baseline'],
] as const;

/** The plot as a file: every computed style at its element, and the ground that it stands on. */
function standAlone(plot: SVGSVGElement): string {
  const copy = plot.cloneNode(true) as SVGSVGElement; // a clone is of its kind
  const { width, height } = plot.getBoundingClientRect();
  const originals = [plot, ...plot.querySelectorAll<SVGElement>('*')];
  const copies = [copy, ...copy.querySelectorAll<SVGElement>('*')];
  copies.forEach((element, place) => {
    const computed = getComputedStyle(originals[place]!); // the same tree
    const style = STYLES.map((name) => `${name}:${computed.getPropertyValue(name)}`).join(';');
    element.setAttribute('style', style);
    element.removeAttribute('class');
  });
  const ground = document.createElementNS('http://www.w3.org/2000/svg', 'rect');
  ground.setAttribute('width', '100%');
  ground.setAttribute('height', '100%');
  ground.setAttribute('style', `fill:${getComputedStyle(document.body).backgroundColor}`);
  copy.prepend(ground);
  copy.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  copy.setAttribute('width', String(width));
  copy.setAttribute('height', String(height));
  return new XMLSerializer().serializeToString(copy);
}
