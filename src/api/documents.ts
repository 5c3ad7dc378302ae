// What the API says of itself: the OpenAPI document, the JSON Schema of a job, and the document as a page that needs no script and nothing from elsewhere.
import { Router } from 'express';
import { z } from 'zod';
import { jobSpecSchema } from '../job-spec.ts';
import { openApiDocument, type OpenApi, type OperationObject } from './openapi.ts';
import { scopeOf } from './operation.ts';
import { operations } from './operations.ts';

/** GET /openapi.json, /docs and below /v1 openapi.json and schemas/job. */
export function documentRoutes(): Router {
  const router = Router();
  const jobSchema = z.toJSONSchema(jobSpecSchema, { io: 'input' });
  const openApi = openApiDocument();
  const page = docsPage(openApi);
  router.get('/v1/schemas/job', (_request, response) => void response.json(jobSchema));
  for (const path of ['/openapi.json', '/v1/openapi.json'])
    router.get(path, (_request, response) => void response.json(openApi));
  router.get('/docs', (_request, response) => void response.type('html').send(page));
  return router;
}

const STYLE = `
  :root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
  body { margin: 0 auto; max-width: 60rem; padding: 1rem; }
  code, pre { font-family: ui-monospace, monospace; font-size: 0.9em; }
  pre { overflow: auto; border: 1px solid light-dark(#ccc, #444); border-radius: 4px; padding: 0.75rem; }
  table { border-collapse: collapse; } td, th { text-align: left; vertical-align: top; padding: 0.15rem 1rem 0.15rem 0; }
  section { border-top: 1px solid light-dark(#ddd, #333); padding-top: 0.5rem; }
  h3 code { font-size: 1rem; } h3 b { text-transform: uppercase; }
`;

/** The whole page. */
export function docsPage({ info, paths, components }: OpenApi): string {
  const sections = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => operationSection(method, path, operation)),
  );
  const schemas = Object.entries(components.schemas).map(
    ([name, schema]) =>
      html`<details id="schema-${name}">
        <summary><code>${name}</code></summary>
        <pre>${JSON.stringify(schema, null, 2)}</pre>
      </details>`,
  );
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${info.title} API</title>
        <style>
          ${raw(STYLE)}
        </style>
      </head>
      <body>
        <main>
          <h1>${info.title} API, version ${info.version}</h1>
          <p>${info.description} The same as <a href="openapi.json">OpenAPI 3.1</a>.</p>
          <p>
            Where the server asks for tokens, send <code>Authorization: Bearer TOKEN</code>; each operation says which
            scope it needs. Faults come as problem details (RFC 9457), those of a document with JSON pointers to them.
            Lists answer <code>nextCursor</code>, to be sent as <code>cursor</code> for the next page.
          </p>
          <h2>Operations</h2>
          ${raw(sections.join('\n'))}
          <h2>Schemas</h2>
          ${raw(schemas.join('\n'))}
        </main>
      </body>
    </html>`;
}

function operationSection(method: string, path: string, operation: OperationObject): string {
  const { operationId, summary, parameters = [], requestBody, responses } = operation;
  const scope = scopeOf(method, operations[path]![method]!); // drawn from it
  const rows = parameters.map(
    ({ name, in: place, required, schema, description = '' }) =>
      html`<tr>
        <td><code>${name}</code></td>
        <td>${place}${required ? ', required' : ''}</td>
        <td>${description} <code>${JSON.stringify(schema)}</code></td>
      </tr>`,
  );
  const answers = Object.entries(responses).map(([status, { description, content = {} }]) => {
    const [[type, { schema }] = ['', { schema: undefined }]] = Object.entries(content);
    return html`<tr>
      <td>${status}</td>
      <td>${description}</td>
      <td>${type} ${raw(schema === undefined ? '' : schemaWords(schema))}</td>
    </tr>`;
  });
  const sent = requestBody?.content['application/json']?.schema;
  return html`<section id="${operationId}">
    <h3><b>${method}</b> <code>${path}</code></h3>
    <p>${summary} <small>${scope === 'public' ? 'Needs no token.' : `Scope: ${scope}.`}</small></p>
    ${raw(
      rows.length === 0
        ? ''
        : html`<table>
            ${raw(rows.join(''))}
          </table>`,
    )}
    ${raw(sent === undefined ? '' : html`<p>Body: ${raw(schemaWords(sent))}</p>`)}
    <table>
      ${raw(answers.join(''))}
    </table>
  </section>`;
}

function schemaWords(schema: Readonly<Record<string, unknown>>): string {
  const name = typeof schema['$ref'] === 'string' ? schema['$ref'].split('/').at(-1) : undefined;
  if (name !== undefined) return html`<a href="#schema-${name}"><code>${name}</code></a>`;
  return html`<code>${JSON.stringify(schema)}</code>`;
}

interface Raw {
  readonly raw: string;
}

/** Text that is HTML already. */
function raw(text: string): Raw {
  return { raw: text };
}

/** A template whose values are escaped unless they are HTML already. */
function html(parts: TemplateStringsArray, ...values: readonly (string | Raw)[]): string {
  return parts.reduce((text, part, i) => {
    const value = values[i - 1]!; // of every part but the first
    return text + (typeof value === 'string' ? escapeHtml(value) : value.raw) + part;
  });
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ESCAPES[character]!); // of these five
}
