// What can be asked of a sweep: pause, resume, stop, cancel. The last two cannot be undone and are asked for twice; a refusal is shown in
// the server's words.
import { useRef, useState } from 'preact/hooks';
import { refusalWords } from '../refusal-words.ts';
import { isOver } from '../sweeps/sweep-words.ts';
import { sweepsApi, type Sweep, type SweepVerb } from '../sweeps-api.ts';

interface Props {
  sweep: Sweep;
  onDone: () => void;
}

const ENDINGS = {
  stop: {
    title: 'Stop this sweep?',
    words: 'Jobs at work run to their end. Those that have not begun are cancelled and cannot be begun any more.',
    keep: 'Let it go on',
    yes: 'Yes, stop it',
  },
  cancel: {
    title: 'Cancel this sweep?',
    words: 'Jobs at work end at their next step, all others are cancelled. Steps and scores recorded so far stay.',
    keep: 'Let it go on',
    yes: 'Yes, cancel all of it',
  },
} as const;

export function SweepVerbs({ sweep, onDone }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [ending, setEnding] = useState<'stop' | 'cancel'>('stop');
  const [fault, setFault] = useState('');
  if (isOver(sweep)) return null;
  const order = async (verb: SweepVerb) => {
    try {
      await sweepsApi.order(sweep.id, verb);
      setFault('');
    } catch (error) {
      setFault(refusalWords(error));
    }
    dialog.current?.close();
    onDone();
  };
  const ask = (verb: 'stop' | 'cancel') => {
    setEnding(verb);
    dialog.current?.showModal();
  };
  const { title, words, keep, yes } = ENDINGS[ending];
  return (
    <div>
      <p class="actions">
        {sweep.state === 'active' && (
          <button type="button" onClick={() => void order('pause')}>
            Pause
          </button>
        )}
        {sweep.state === 'paused' && (
          <button type="button" class="primary" onClick={() => void order('resume')}>
            Resume
          </button>
        )}
        {(sweep.state === 'active' || sweep.state === 'paused') && (
          <button type="button" onClick={() => ask('stop')}>
            Stop
          </button>
        )}
        <button type="button" class="danger" onClick={() => ask('cancel')}>
          Cancel
        </button>
      </p>
      {fault !== '' && <p role="alert">{fault}</p>}
      <dialog ref={dialog} aria-labelledby="ending-title">
        <h2 id="ending-title">{title}</h2>
        <p>{words}</p>
        <p class="actions">
          <button type="button" onClick={() => dialog.current?.close()}>
            {keep}
          </button>
          <button type="button" class="danger" onClick={() => void order(ending)}>
            {yes}
          </button>
        </p>
      </dialog>
    </div>
  );
}
