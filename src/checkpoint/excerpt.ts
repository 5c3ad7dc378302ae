// A few words for a value that came out of a file, for messages: never longer than a line, whatever the file holds. JSON.stringify and String() walk nested
// values by recursion and expand shared ones, so a hostile file could end the process with the message about itself.

const MOST_CHARACTERS = 80;

/** Words for any value: numbers and short texts as they are, long ones cut, a list or object by its kind alone. */
export function excerpt(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (typeof value === 'string') return JSON.stringify(cut(value));
  if (Array.isArray(value)) {
    const isPlain = value.length <= 16 && value.every((item) => typeof item === 'number');
    return isPlain ? `[${value.join(', ')}]` : 'a list';
  }
  if (typeof value === 'bigint') return cut(value.toString());
  return value === null || typeof value === 'number' || typeof value === 'boolean' ? String(value) : 'something else';
}

function cut(text: string): string {
  return text.length <= MOST_CHARACTERS ? text : `${text.slice(0, MOST_CHARACTERS)}…`;
}
