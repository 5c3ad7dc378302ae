// What the form holds, as a request, as a command and as a document, ready to be copied.
import { useState } from 'preact/hooks';
import { cliCommand } from '../cli-command.ts';
import { curlCommand } from '../curl.ts';
import type { JsonObject } from '../json-pointer.ts';
import { CopyButton } from './copy-button.tsx';

const FORMS = ['curl', 'command line', 'JSON'] as const;
type Form = (typeof FORMS)[number];

export function SpecCommands({ spec }: { spec: JsonObject }) {
  const [form, setForm] = useState<Form>('curl');
  const text = textOf(form, spec);
  return (
    <details class="raw" open>
      <summary>The same without this page</summary>
      <div class="options" role="radiogroup" aria-label="Form">
        {FORMS.map((one) => (
          <label key={one}>
            <input type="radio" name="spec-form" checked={form === one} onChange={() => setForm(one)} /> {one}
          </label>
        ))}
      </div>
      <pre tabIndex={0}>{text}</pre>
      <p class="actions">
        <CopyButton text={text}>
          {form === 'JSON' ? 'Copy as JSON' : form === 'curl' ? 'Copy as curl' : 'Copy as command'}
        </CopyButton>
      </p>
      <p class="help">
        Fields that hold their default are left out; the server fills them in and stores them with the job.
      </p>
    </details>
  );
}

function textOf(form: Form, spec: JsonObject): string {
  if (form === 'JSON') return JSON.stringify(spec, null, 2);
  const address = new URL('.', document.baseURI).href;
  return form === 'curl' ? curlCommand(spec, `${address}v1/jobs`) : cliCommand(spec, address);
}
