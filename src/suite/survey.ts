// What a pull of one checkpoint has to fetch, told by the hub's listings before anything is: the files that are needed, from which commit, and whether the
// revision is what its name says.
import { InputError, NotFoundError } from '../errors.ts';
import type { HubRepo } from './hub/address.ts';
import { listRevision, type HubFile, type Revision } from './hub/repository.ts';
import type { HubClient } from './hub/request.ts';
import { revisionOf, type PythiaModel } from './pythia/models.ts';
import { knownFault } from './pythia/revisions.ts';

export interface SurveyOptions {
  /** Takes a revision that is known to hold something else. */
  readonly isForced: boolean;
  /** Is told what was done otherwise than asked. */
  readonly onNotice: (words: string) => void;
}

export interface Source {
  readonly file: HubFile;
  readonly commit: string;
}

export interface Survey {
  readonly listed: Revision;
  /** At least one. */
  readonly sources: readonly Source[];
  /** Repository and revision, for messages. */
  readonly where: string;
}

const FORCING = 'choose another step, or take it all the same with --force-bad-revision (in the API forceBadRevision)';

/** Throws InputError for a step that was never published, or whose revision is known to be bad. */
export function checkStep(model: PythiaModel, step: number, isForced: boolean): void {
  const { name, publishedSteps, labelsPerStep } = model;
  if (!publishedSteps.includes(step)) {
    const nearest = [...publishedSteps].sort((a, b) => Math.abs(a - step) - Math.abs(b - step))[0];
    const isLabel = labelsPerStep === 2 && publishedSteps.includes(step / 2);
    const hint = isLabel ? `revision step${step} of the hub is step${step / 2} here` : `the nearest is step${nearest}`;
    throw new InputError(`${name} has no published checkpoint at step ${step}; ${hint}`, { pointer: '/checkpoint' });
  }
  const fault = knownFault(name, step);
  if (fault !== undefined && !isForced) {
    throw new InputError(
      `${name} step${step}: ${fault.words} (${fault.thread}); ${FORCING}`, { pointer: '/forceBadRevision' }
    );
  }
}

/**
 * What a pull has to fetch: the files of the revision, and the tokenizer of main where it has none. Throws InputError for a revision that serves the end of
 * training, NotFoundError, and what listing throws.
 */
export async function survey(
  client: HubClient,
  model: PythiaModel,
  revision: string,
  options: SurveyOptions,
): Promise<Survey> {
  const listed = await listRevision(client, repoOf(model), revision);
  const where = `${model.repo} at ${revision}`;
  const files = model.form === 'neox' ? chooseRaw(listed.files, where) : chooseModel(listed.files, where);
  const sources: Source[] = files.map((file) => ({ file, commit: listed.commit }));
  if (model.form === 'huggingface' && revision !== 'main') {
    const main = await listRevision(client, repoOf(model), 'main');
    if (revision !== revisionOf(model, model.endStep)) checkNotEnd(files, main.files, where, options);
    if (!files.some(({ path }) => path === 'tokenizer.json')) {
      sources.push(tokenizerOf(main, model));
      options.onNotice(`${where} has no tokenizer.json: that of main is taken`);
    }
  }
  return { listed, sources, where };
}

const WEIGHT_FORMS: readonly (readonly [whole: RegExp, index: string | undefined])[] = [
  [/^model\.safetensors$/, undefined],
  [/^model-\d+-of-\d+\.safetensors$/, 'model.safetensors.index.json'],
  [/^pytorch_model\.bin$/, undefined],
  [/^pytorch_model-\d+-of-\d+\.bin$/, 'pytorch_model.bin.index.json'],
];

function chooseModel(files: readonly HubFile[], where: string): HubFile[] {
  const named = (name: string | undefined) => files.filter(({ path }) => path === name);
  const form = WEIGHT_FORMS.find(
    ([pattern, index]) => files.some(({ path }) => pattern.test(path)) && (index === undefined || named(index).length > 0),
  );
  if (form === undefined) throw new NotFoundError(`${where} holds no weights: no model.safetensors and no pytorch_model.bin`);
  if (named('config.json').length === 0) throw new NotFoundError(`${where} has no config.json`);
  const [pattern, index] = form;
  const weights = files.filter(({ path }) => pattern.test(path));
  return [...named('config.json'), ...named('tokenizer.json'), ...named(index), ...weights];
}

const FIRST_STATE = 'mp_rank_00_model_states.pt';
const RAW_STATE = /^(mp_rank_\d+_model_states|zero_pp_rank_\d+_mp_rank_\d+_optim_states|layer_\d+-model_\d+-model_states)\.pt$/;

/** The files of one raw checkpoint: those beside its first model state. */
function chooseRaw(files: readonly HubFile[], where: string): HubFile[] {
  const first = files.filter(({ path }) => path === FIRST_STATE || path.endsWith(`/${FIRST_STATE}`));
  if (first.length !== 1) throw new NotFoundError(`${where}: expected one ${FIRST_STATE}, found ${first.length}`);
  const folder = first[0]!.path.slice(0, -FIRST_STATE.length);
  return files.filter(({ path }) => path.startsWith(folder) && RAW_STATE.test(path.slice(folder.length)));
}

/** A revision in mid-training must not serve what `main` serves: that is the end. Told by the listings, before gigabytes are fetched. */
function checkNotEnd(
  files: readonly HubFile[],
  main: readonly HubFile[],
  where: string,
  { isForced, onNotice }: SurveyOptions,
): void {
  const hashes = new Set(main.map(({ etag }) => etag));
  const same = files.find(({ path, etag }) => /\.(safetensors|bin)$/.test(path) && hashes.has(etag));
  if (same === undefined) return;
  const words = `${where}: ${same.path} is the file of main, so it holds weights of the end of training`;
  if (!isForced) throw new InputError(`${words}; ${FORCING}`, { pointer: '/forceBadRevision' });
  onNotice(words);
}

function tokenizerOf({ commit, files }: Revision, model: PythiaModel): Source {
  const file = files.find(({ path }) => path === 'tokenizer.json');
  if (file === undefined) throw new NotFoundError(`${model.repo} has no tokenizer.json, at its main neither`);
  return { file, commit };
}

export function repoOf({ repo }: PythiaModel): HubRepo {
  return { kind: 'models', repo };
}
