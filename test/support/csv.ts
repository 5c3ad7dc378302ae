// Reads CSV as RFC 4180 has it, apart from the program's own writing: a record a row, by the names in the first line.

/** Throws on text that is no CSV. */
export function parseCsv(text: string): Record<string, string>[] {
  const [head, ...rows] = records(text);
  if (head === undefined) throw new Error('the CSV has no first line');
  return rows.map((row) => {
    if (row.length !== head.length) throw new Error(`a row of ${row.length} cells under ${head.length} names`);
    return Object.fromEntries(head.map((name, place) => [name, row[place]!])); // of equal length
  });
}

function records(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let rest = text;
  while (rest !== '') {
    const match = /^(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/.exec(rest);
    if (match === null) throw new Error(`no CSV at: ${rest.slice(0, 80)}`);
    const [whole, quoted, bare, end] = match;
    row.push(quoted === undefined ? bare! : quoted.replaceAll('""', '"')); // one of the two matched
    if (end === '\r\n') {
      rows.push(row);
      row = [];
    }
    rest = rest.slice(whole.length);
  }
  return rows;
}
