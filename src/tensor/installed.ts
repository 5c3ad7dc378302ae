// Which back ends for graphics cards are installed, without loading them: a loaded one takes memory of the card.
import { existsSync } from 'node:fs';
import { packagePath } from '../package-root.ts';
import { addonPath } from './native/addon.ts';

export const TENSORFLOW_PACKAGE = '@tensorflow/tfjs-node-gpu';

/** Whether npm could install the package; where its installation fails, npm goes on without it. */
export function isTensorflowHere(): boolean {
  return existsSync(packagePath('node_modules', TENSORFLOW_PACKAGE));
}

/** Whether anything here could compute on a card, if there is one. */
export function isCardBackendHere(): boolean {
  return existsSync(addonPath('cuda')) || isTensorflowHere();
}
