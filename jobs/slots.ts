// The slots of a worker process: how much it may run at once, one graphics card each where there are some. Free ones are counted here and not in the database,
// because a card is free once the trainers on it have ended, whoever has the lease by then.
import { EventEmitter, once } from 'node:events';
import type { ClaimedJob } from '../src/store/leases.ts';
import type { Room } from '../src/store/slots.ts';

export interface SlotOptions extends Omit<Room, 'numFree'> {
  /** As CUDA_VISIBLE_DEVICES names them; empty where there are none. */
  readonly cards: readonly string[];
}

export interface TakenSlots {
  readonly job: ClaimedJob;
  /** For its trainers; empty where there are none. */
  readonly cards: readonly string[];
  /** Once its trainers have ended. */
  free(): void;
}

export interface Slots {
  hasFree(): boolean;
  /** Resolves when slots have come free, or when `signal` aborts. */
  freed(signal: AbortSignal): Promise<void>;
  /** Claims with `take`, one caller after the other, and gives the job as many slots as it takes; undefined when there is no job, or no slot. */
  claim(take: (room: Room) => Promise<ClaimedJob | undefined>): Promise<TakenSlots | undefined>;
}

/** Slots, all free. With more slots than cards, jobs share cards. */
export function openSlots({ cards, ...worker }: SlotOptions): Slots {
  const free = Array.from({ length: worker.numSlots }, (_, slot) => slot);
  const news = new EventEmitter().setMaxListeners(0);
  let claiming: Promise<unknown> = Promise.resolve();
  const claimNow = async (take: (room: Room) => Promise<ClaimedJob | undefined>) => {
    const job = free.length === 0 ? undefined : await take({ ...worker, numFree: free.length });
    if (job === undefined) return undefined;
    const taken = free.splice(0, job.numSlots);
    return {
      job,
      cards: cardsOf(taken, cards),
      free: () => {
        free.push(...taken);
        free.sort((a, b) => a - b);
        news.emit('free');
      },
    };
  };
  return {
    hasFree: () => free.length > 0,
    async freed(signal) {
      await once(news, 'free', { signal }).catch(() => undefined); // aborted: the worker is to stop
    },
    claim(take) {
      const claimed = claiming.then(() => claimNow(take));
      claiming = claimed.catch(() => undefined); // its caller hears of it
      return claimed;
    },
  };
}

function cardsOf(slots: readonly number[], cards: readonly string[]): string[] {
  if (cards.length === 0) return [];
  return [...new Set(slots.map((slot) => cards[slot % cards.length]!))]; // there is one
}
