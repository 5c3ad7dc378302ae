// Queues a failed job again; a refusal is shown in the server's words.
import { useState } from 'preact/hooks';
import { api } from '../api.ts';

export function RetryButton({ id, onDone }: { id: string; onDone: () => void }) {
  const [fault, setFault] = useState('');
  const retry = async () => {
    try {
      await api.retry(id);
      setFault('');
      onDone();
    } catch (error) {
      setFault(error instanceof Error ? error.message : String(error));
    }
  };
  return (
    <p>
      <button type="button" onClick={() => void retry()}>
        Retry from the last checkpoint
      </button>{' '}
      {fault !== '' && <span role="alert">{fault}</span>}
    </p>
  );
}
