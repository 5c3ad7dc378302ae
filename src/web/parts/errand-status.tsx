// How a pull or a verification stands: its progress with a way to end it, why it failed and what to do, or what was found.
import { errandsApi, isUnderWay, type Errand, type Finding } from '../errands-api.ts';
import { formatBytes, formatCount, formatDuration } from '../format.ts';
import { ActionButton } from './action-button.tsx';
import { HeadRow } from './head-row.tsx';
import { Notice } from './notice.tsx';
import { ProgressBar } from './progress-bar.tsx';

interface Props {
  errand: Errand;
  onChanged: () => void;
}

export function ErrandStatus({ errand, onChanged }: Props) {
  return (
    <div class="errand" role="group" aria-label={titleOf(errand)}>
      <p role="status">{stateWords(errand)}</p>
      {isUnderWay(errand) && <UnderWay errand={errand} onChanged={onChanged} />}
      {errand.state === 'failed' && (
        <Notice tone="error" title={errand.message ?? 'It failed'}>
          <p>{ADVICE[errand.reason ?? ''] ?? ADVICE['refused']}</p>
        </Notice>
      )}
      {errand.result?.notices?.map((words) => (
        <p class="minor" key={words}>
          {words}
        </p>
      ))}
      {errand.result?.findings !== undefined && <FindingTable findings={errand.result.findings} />}
    </div>
  );
}

function titleOf({ kind, name, checkpoint }: Errand): string {
  const what = checkpoint === null ? name : `${name} ${checkpoint}`;
  return kind === 'pull-model' ? `Pull of ${what}` : `Verification of ${what}`;
}

function stateWords(errand: Errand): string {
  const { kind, state, result } = errand;
  const title = titleOf(errand);
  const isPull = kind === 'pull-model';
  if (state === 'queued') return `${title}: waiting for another one to end.`;
  if (state === 'running') return `${title}: under way.`;
  if (state === 'cancelling') return `${title}: being cancelled.`;
  if (state === 'failed') return `${title}: failed.`;
  if (state === 'cancelled') return `${title}: cancelled.${isPull ? ' Pull again: it goes on where it stopped.' : ''}`;
  if (state === 'interrupted')
    return `${title}: interrupted, because its server ended. ${isPull ? 'Pull again: it goes on where it stopped.' : 'Verify again.'}`;
  if (!isPull) return `${title}: ${result?.isSound === true ? '✓ no fault was found.' : '✗ not what it is called.'}`;
  return result?.isRegistered === false
    ? `${title}: ✓ fetched to ${result.folder ?? 'the server'}; turn it into a checkpoint with tiresias checkpoint import.`
    : `${title}: ✓ it is here, and a job can name it.`;
}

const ADVICE: Readonly<Record<string, string>> = {
  refused: 'Mend what the message names, then try again; what has arrived is kept.',
  'bad-revision': 'Choose another checkpoint: this one holds other weights than its name says.',
  'wrong-data': 'Nothing was taken. Try again; if it fails in the same way, the hub or a mirror serves damaged files.',
  'not-available': 'The hub did not answer. Try again later: it goes on where it stopped.',
  'in-use': 'Another process fetches the same files, perhaps a command on the server. Wait for its end.',
  'process-lost': 'Most often memory: look at the server’s machine and its log, then try again.',
  program: 'The program has a fault. Please report it with the message.',
};

function UnderWay({ errand, onChanged }: Props) {
  const { progress } = errand;
  return (
    <>
      {progress !== null && progress.numTotal > 0 && (
        <>
          <ProgressBar share={shareOf(progress)} label={titleOf(errand)} />
          <p class="minor">{progressWords(progress)}</p>
        </>
      )}
      <p class="actions">
        <ActionButton action={() => errandsApi.cancel(errand.id).finally(onChanged)}>Cancel</ActionButton>
      </p>
    </>
  );
}

type Progress = NonNullable<Errand['progress']>;

function shareOf({ numDone, numTotal, doneBytes, totalBytes }: Progress): number {
  const share = doneBytes === null || totalBytes === null ? numDone / numTotal : doneBytes / Math.max(1, totalBytes);
  return Math.min(1, Math.max(0, share));
}

function progressWords(progress: Progress): string {
  const { unit, numDone, numTotal, doneBytes, totalBytes, bytesPerSecond, secondsLeft, words } = progress;
  const parts = [
    doneBytes === null || totalBytes === null ? '' : `${formatBytes(doneBytes)} of ${formatBytes(totalBytes)}`,
    `${formatCount(numDone)} of ${formatCount(numTotal)} ${unit}`,
    bytesPerSecond === null ? '' : `${formatBytes(bytesPerSecond)}/s`,
    secondsLeft === null ? '' : `${formatDuration(secondsLeft)} left`,
    words,
  ];
  return parts.filter((part) => part !== '').join(' · ');
}

const OUTCOMES = { ok: '✓ ok', fault: '✗ fault', 'not checked': '○ not checked' } as const;

function FindingTable({ findings }: { findings: readonly Finding[] }) {
  return (
    <div class="scroll" tabIndex={0} role="group" aria-label="Table of findings">
      <table class="figures">
        <HeadRow names={['Check', 'Outcome', 'Found']} />
        <tbody>
          {findings.map(({ checkpoint, check, outcome, detail }) => (
            <tr key={`${checkpoint} ${check}`}>
              <th scope="row">{checkpoint === null ? check : `${checkpoint}: ${check}`}</th>
              <td>{OUTCOMES[outcome]}</td>
              <td class="errand-detail">{detail}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
