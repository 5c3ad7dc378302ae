// The shapes of answers that are about the service and about plans rather than about a job's figures; with openapi-schemas.ts, all named answers of the OpenAPI
// document.
import { ARMS } from '../job-spec.ts';
import { LOG_LEVELS } from '../log.ts';
import { WORKER_ORDERS } from '../store/workers.ts';
import {
  anyObject,
  id,
  integer,
  number,
  listOf,
  nullable,
  objectOf,
  text,
  time,
  type Schema,
} from './openapi-schemas.ts';
import { estimate } from './planning-schemas.ts';

const logLine = objectOf({
  id: integer,
  at: { ...time, description: 'By the clock of the host that logged it.' },
  level: { enum: Object.keys(LOG_LEVELS) },
  attempt: nullable(integer),
  arm: { ...nullable({ enum: [...ARMS, 'burn-in'] }), description: 'Null for what is of no arm.' },
  message: text,
  details: { ...anyObject, description: 'What else was logged with it.' },
});

export const serviceAnswers: Readonly<Record<string, Schema>> = {
  Estimate: estimate,
  Worker: objectOf({
    ...{ id, host: text, pid: integer, startedAt: time },
    order: { ...nullable({ enum: WORKER_ORDERS }), description: 'Null: it takes jobs.' },
    beatAgeMs: { ...number, description: 'Since it last said that it is there, which it does every few seconds.' },
    numSlots: { ...integer, description: 'What it may run at once; a job takes `training.slots` of them.' },
    jobs: listOf(objectOf({ id, name: text, attempt: integer, state: text })),
  }),
  JobLog: objectOf({
    lines: { ...listOf(logLine), description: 'Oldest first.' },
    lastId: { ...text, description: 'To be sent as `after` for what follows.' },
  }),
};
