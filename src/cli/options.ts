// Options that several commands share.
import { InvalidArgumentError, Option } from 'commander';
import { BACKENDS } from '../tensor/backend.ts';

export function backendOption(): Option {
  return new Option('--backend <name>', 'what computes').choices(['auto', ...BACKENDS]).default('auto');
}

/** Parses a whole number of at least `least`; commander prints the fault with the option's name. */
export function wholeNumber(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isSafeInteger(value) || value < least) {
      throw new InvalidArgumentError(`expected a whole number of at least ${least}.`);
    }
    return value;
  };
}
