// What an event of a job says, in one line.
import { formatCount } from './format.ts';
import type { TimelineEvent } from './records.ts';

/** The words of an event; one of a kind that this page does not know is shown as it is. */
export function eventWords({ type, data }: TimelineEvent): string {
  const word = (name: string) => {
    const value = data[name];
    return typeof value === 'number' ? formatCount(value) : typeof value === 'string' ? value : '';
  };
  const because = [word('reason'), word('message')].filter((one) => one !== '').join(': ');
  switch (type) {
    case 'state':
      return `${word('state')}${because === '' ? '' : ` – ${because}`}`;
    case 'attempt': {
      const outcome = word('outcome');
      const host = word('host');
      return `attempt ${word('number')} ${outcome === '' ? `began${host === '' ? '' : ` on ${host}`}` : `ended: ${outcome}`}${because === '' ? '' : ` – ${because}`}`;
    }
    case 'evaluation':
      return `${word('arm')} at step ${word('step')} scored on ${word('benchmark')}, ${word('protocol')}`;
    case 'checkpoint':
      return `checkpoint of ${word('arm')} at step ${word('step')} stored`;
    case 'taken-over': {
      // of this job's, or of the other's, which does the work for both

      const benchmark = word('benchmark');
      const what = benchmark === '' ? word('arm') : `${word('arm')}'s scores on ${benchmark}, ${word('protocol')},`;
      return `${what} shared with job ${word('name')}`;
    }
    case 'checkpoint-damaged':
      return `checkpoint of ${word('arm')} at step ${word('step')} was damaged and is left out: ${word('message')}`;
    default:
      return `${type} ${JSON.stringify(data)}`;
  }
}
