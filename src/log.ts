// One JSON log line per event, on stderr so that a command's result alone is on stdout.
import { destination, pino } from 'pino';
import { logLevel } from './settings.ts';

export const log = pino({ level: logLevel() }, destination(2));
