// Exact match of generated text, as BigScience's lm-eval takes it for WinoBias (lm_eval/tasks/wino_bias.py, with SQuAD's normalisation from
// transformers' squad_metrics): of the stripped output the first k words between single blanks, k being the words of the target.
// Text is stripped and split as Python does it. Departure: a prediction loses blanks at its end, which no score sees.

/** What Python's str.strip and str.split take for white space. */
const SPACE = '[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]';
const LEADING = new RegExp(`^${SPACE}+`, 'u');
const TRAILING = new RegExp(`${SPACE}+$`, 'u');
const SPACES = new RegExp(`${SPACE}+`, 'u');
/** Python's string.punctuation. */
const PUNCTUATION = /[!-/:-@[-`{-~]/g;
const ARTICLES = /(?<![\p{L}\p{N}_])(?:a|an|the)(?![\p{L}\p{N}_])/gu;

/** The text without white space at both ends. */
export function stripped(text: string): string {
  return text.replace(LEADING, '').replace(TRAILING, '');
}

/** As many words of the output as the target has. */
export function predictionOf(output: string, target: string): string {
  return stripped(output).split(' ').slice(0, numWords(target)).join(' ').replace(TRAILING, '');
}

/**
 * Whether the prediction is settled whatever text follows: its last word has a blank behind it. Bytes of a character that is not whole yet
 * do no harm, because a blank is a byte of its own and what stands before it is whole.
 */
export function isSettled(output: string, target: string): boolean {
  return output.replace(LEADING, '').split(' ').length > numWords(target);
}

/** Whether prediction and target are the same but for case, punctuation, articles and blanks. */
export function isExactMatch(prediction: string, target: string): boolean {
  return normalised(prediction) === normalised(target);
}

function numWords(target: string): number {
  return stripped(target).split(' ').length;
}

function normalised(text: string): string {
  const words = text.toLowerCase().replace(PUNCTUATION, '').replace(ARTICLES, ' ').split(SPACES);
  return words.filter((word) => word !== '').join(' ');
}
