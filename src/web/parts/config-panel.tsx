// What the compared jobs were asked for: the fields that differ, or all of them.
import type { Job } from '../api.ts';
import { configFields } from '../comparison/config-difference.ts';
import { setSetting } from '../route.ts';

interface Props {
  /** The baseline's first. */
  jobs: readonly Job[];
  letters: ReadonlyMap<string, string>;
  isAll: boolean;
}

export function ConfigPanel({ jobs, letters, isAll }: Props) {
  const fields = configFields(jobs.map(({ spec }) => spec));
  const different = fields.filter(({ isDifferent }) => isDifferent);
  const shown = isAll ? fields : different;
  return (
    <>
      <p class="chooser">
        <label>
          <input
            type="checkbox"
            checked={!isAll}
            onChange={(event) => setSetting('config', event.currentTarget.checked ? undefined : 'all')}
          />{' '}
          Only what differs
        </label>{' '}
        <span class="minor">
          {different.length} of {fields.length} fields differ
        </span>
      </p>
      {shown.length === 0 ? (
        <p class="quiet-text">
          {jobs.length < 2
            ? 'A difference needs two jobs. Add one above.'
            : 'These jobs were asked for the very same: their numbers must be the same.'}
        </p>
      ) : (
        <div class="scroll" role="region" aria-label="Configuration of the compared jobs" tabIndex={0}>
          <table class="config">
            <caption class="sr-only">Configuration of the compared jobs, by field</caption>
            <thead>
              <tr>
                <th scope="col">field</th>
                {jobs.map((job, place) => (
                  <th scope="col" key={job.id}>
                    {letters.get(job.id)} {job.name}
                    {place === 0 && jobs.length > 1 && <span class="pin">baseline</span>}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {shown.map(({ path, values }) => (
                <tr key={path}>
                  <th scope="row">
                    <code>{path}</code>
                  </th>
                  {values.map((value, place) => (
                    <td class={value !== values[0] ? 'differs' : undefined} key={place}>
                      {value === undefined ? <span class="minor">not set</span> : <code>{value}</code>}
                      {value !== values[0] && <span class="sr-only"> (differs from the baseline)</span>}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </>
  );
}
