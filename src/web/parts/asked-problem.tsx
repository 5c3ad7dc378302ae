// Why the server gave no preview or estimate: its faults by field, or its words.
import { ApiError } from '../api-call.ts';
import { faultWords } from '../refusal-words.ts';

export function AskedProblem({ error, what }: { error: Error; what: string }) {
  const faults = error instanceof ApiError ? error.faults : [];
  return (
    <div class="asked-problem">
      <p class="minor">{faults.length === 0 ? `${what}: ${error.message}` : `${what} yet:`}</p>
      {faults.length > 0 && (
        <ul>
          {faults.map((fault) => (
            <li key={fault.pointer + fault.detail}>{faultWords(fault)}</li>
          ))}
        </ul>
      )}
    </div>
  );
}
