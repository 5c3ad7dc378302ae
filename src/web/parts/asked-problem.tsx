// Why the server gave no preview or estimate: its faults by field, or its words.
import { ApiError } from '../api.ts';
import { labelOf } from '../json-schema.ts';
import { parsePointer } from '../json-pointer.ts';

export function AskedProblem({ error, what }: { error: Error; what: string }) {
  const faults = error instanceof ApiError ? error.faults : [];
  return (
    <div class="asked-problem">
      <p class="minor">{faults.length === 0 ? `${what}: ${error.message}` : `${what} yet:`}</p>
      {faults.length > 0 && (
        <ul>
          {faults.map(({ pointer, detail }) => (
            <li key={pointer + detail}>
              {placeWords(pointer)}
              {detail}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

/** The faulty field in words; the document holds the job below `/job`. */
function placeWords(pointer: string): string {
  const keys = parsePointer(pointer).filter((key, place) => place > 0 || key !== 'job');
  return keys.length === 0 ? '' : `${keys.map(labelOf).join(' › ')}: `;
}
