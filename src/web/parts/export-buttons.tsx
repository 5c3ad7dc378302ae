// The shown table as a file, and as text for a paper or an issue.
import { saveText } from '../download.ts';
import { FILE_ENDINGS, FORMAT_NAMES, FORMATS, writeTable, type Format, type TableDocument } from '../table-formats.ts';

const MEDIA_TYPES: Readonly<Record<Format, string>> = {
  csv: 'text/csv',
  json: 'application/json',
  markdown: 'text/markdown',
  latex: 'application/x-tex',
};

export function ExportButtons<Row>({ name, table }: { name: string; table: TableDocument<Row> }) {
  return (
    <span class="exports" role="group" aria-label="Download the table">
      <span class="minor" aria-hidden="true">
        Download
      </span>
      {FORMATS.map((format) => (
        <button
          type="button"
          class="quiet"
          key={format}
          onClick={() => saveText(`${name}.${FILE_ENDINGS[format]}`, writeTable(format, table), MEDIA_TYPES[format])}
        >
          {FORMAT_NAMES[format]}
        </button>
      ))}
    </span>
  );
}
