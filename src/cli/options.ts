// Options that several commands share.
import { InvalidArgumentError } from 'commander';

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

/** Parses a number from 0 to 1. */
export function fraction(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0 && value <= 1))
    throw new InvalidArgumentError('expected a number from 0 to 1.');
  return value;
}

/** Parses stepN. */
export function parseCheckpoint(text: string): number {
  if (!/^step\d{1,9}$/.test(text)) throw new InvalidArgumentError('expected stepN, for example step133000.');
  return Number(text.slice('step'.length));
}
