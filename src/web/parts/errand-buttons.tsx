// Buttons that begin a pull or a verification, with how the last one of the same thing stands below; for admins alone, whom the server lets do it.
import { errandsApi, isUnderWay, useErrands, type Errand, type Errands } from '../errands-api.ts';
import { useIsAdmin } from '../session.ts';
import { ActionButton } from './action-button.tsx';
import { ErrandStatus } from './errand-status.tsx';

interface PullProps {
  model: string;
  step: number;
  /** What its revision is known to hold instead. */
  fault: string | null;
  errands: Errands;
}

export function PullButton({ model, step, fault, errands: { errands, refresh } }: PullProps) {
  const checkpoint = `step${step}`;
  const last = errands.find((one) => one.kind === 'pull-model' && one.checkpoint === checkpoint);
  const isForced = fault !== null || last?.reason === 'bad-revision';
  return (
    <BegunByButton
      last={last}
      words={isForced ? `Pull ${checkpoint} all the same` : `Pull ${checkpoint}`}
      begin={() => errandsApi.pull(model, checkpoint, isForced)}
      refresh={refresh}
    />
  );
}

interface VerifyProps {
  model: string;
  /** Undefined: all that are here. */
  step: number | undefined;
  errands: Errands;
}

export function VerifyModelButton({ model, step, errands: { errands, refresh } }: VerifyProps) {
  const checkpoint = step === undefined ? undefined : `step${step}`;
  const last = errands.find((one) => one.kind === 'verify-model' && one.checkpoint === (checkpoint ?? null));
  return (
    <BegunByButton
      last={last}
      words={`Verify ${checkpoint ?? 'all that are here'}`}
      begin={() => errandsApi.verifyModel(model, checkpoint)}
      refresh={refresh}
    />
  );
}

export function VerifyDatasetButton({ name }: { name: string }) {
  const { errands, refresh } = useErrands(name);
  return (
    <BegunByButton
      last={errands.find((one) => one.kind === 'verify-dataset')}
      words={`Verify ${name}`}
      begin={() => errandsApi.verifyDataset(name)}
      refresh={refresh}
    />
  );
}

interface Props {
  last: Errand | undefined;
  words: string;
  begin: () => Promise<Errand>;
  refresh: () => void;
}

function BegunByButton({ last, words, begin, refresh }: Props) {
  const isAdmin = useIsAdmin();
  return (
    <div>
      {isAdmin && (last === undefined || !isUnderWay(last)) && (
        <ActionButton action={() => begin().then(refresh)}>{words}</ActionButton>
      )}
      {last !== undefined && <ErrandStatus errand={last} onChanged={refresh} />}
    </div>
  );
}
