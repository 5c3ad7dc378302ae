// The points of a sweep's axes as checked jobs, all or none: faults point into the document that was sent. What would be the same training twice is refused.
import { scoringOf, jobSpecSchema, type JobSpec } from '../job-spec.ts';
import type { SweepPoint } from '../store/sweeps.ts';
import type { Catalog, CatalogEntry } from './catalog.ts';
import { faultsOf, FaultyDocument, pointerOf, type Fault } from './problem.ts';
import { drawsAnything, trainingKey } from '../replicates.ts';
import { MAX_POINTS, type Axis, type SweepDocument } from './sweep-document.ts';

const MAX_FAULTS = 50;

/** What is there before: the trainings of the sweep's jobs are passed over. */
export interface Expansion {
  readonly document: SweepDocument;
  readonly axes: readonly Axis[];
  readonly trainingsThere: ReadonlySet<string>;
}

/** Every point of the axes that is not there yet. Throws FaultyDocument when a single one has a fault. */
export async function expand({ document, axes, trainingsThere }: Expansion, catalog: Catalog): Promise<SweepPoint[]> {
  const numPoints = axes.reduce((product, { values }) => product * values.length, 1);
  if (numPoints > MAX_POINTS) {
    const detail = `the grid has ${numPoints} points; ${MAX_POINTS} are allowed`;
    throw new FaultyDocument([{ pointer: '/grid', detail }]);
  }
  const models = await catalog.models();
  const points: SweepPoint[] = [];
  const faults = new Map<string, Fault>();
  const trainings = new Map<string, string>();
  for (let index = 0; index < numPoints && faults.size < MAX_FAULTS; index++) {
    const choice = choiceAt(axes, index);
    const point = Object.assign({}, ...choice.map(valuesOf)) as Document;
    const name = pointName(document, point);
    const submitted = Object.entries(point).reduce<Document>(
      (spec, [at, value]) => withValue(spec, at.split('.'), value),
      document.base,
    );
    const parsed = jobSpecSchema.safeParse(submitted);
    if (parsed.success && trainingsThere.has(trainingKey(parsed.data))) continue;
    const found = parsed.success
      ? [...(await catalog.checkSpec(parsed.data)), ...repetitionOf(parsed.data, name, trainings)].map((fault) =>
          inDocument(fault, choice, name),
        )
      : faultsOf(parsed.error).map((fault) => inDocument(fault, choice, name));
    const ofRules = parsed.success ? ruleFaults(document, parsed.data, name, models) : [];
    for (const fault of found) faults.set(`${fault.pointer} ${fault.detail}`, fault);
    for (const fault of ofRules.filter(({ pointer }) => !faults.has(pointer))) faults.set(fault.pointer, fault); // one point is enough
    if (parsed.success) points.push({ spec: parsed.data, point, name });
  }
  if (faults.size > 0) throw new FaultyDocument([...faults.values()]);
  return points;
}

/** The fault of a point that trains what another one does; remembers what it trains. */
function repetitionOf(spec: JobSpec, name: string, trainings: Map<string, string>): Fault[] {
  const key = trainingKey(spec);
  const twin = trainings.get(key);
  if (twin === undefined) {
    trainings.set(key, name);
    return [];
  }
  const isIdleSeed = !drawsAnything(spec.intervention);
  const why = isIdleSeed
    ? `at probability ${spec.intervention.probability} nothing is drawn, so its seed changes nothing; `
    : '';
  const detail = `the same training as ${JSON.stringify(twin)}, which is no replicate: ${why}a replicate is another model seed`;
  return [{ pointer: isIdleSeed ? '/intervention/seed' : '', detail }];
}

/** Rules that no scores of this point can ever meet. */
function ruleFaults(
  { stop = [] }: SweepDocument,
  spec: JobSpec,
  name: string,
  models: readonly CatalogEntry[],
): Fault[] {
  const { benchmarks } = spec.evaluation;
  const ofSuite = models.find((model) => model.name === spec.model)?.['benchmarks'];
  const entries = benchmarks === 'auto' ? (Array.isArray(ofSuite) ? (ofSuite as string[]) : null) : benchmarks;
  const scored = entries?.map(scoringOf);
  const missing = (['control', 'intervention'] as const).filter((arm) => !spec.arms.includes(arm));
  return stop.flatMap(({ benchmark, protocol }, i): Fault[] => {
    const isScored =
      scored === undefined || scored.some((one) => one.benchmark === benchmark && one.protocol === protocol);
    const where = `at the point ${JSON.stringify(name)}`;
    const words = `${where} ${benchmark} is not scored by ${protocol}: name it in base.evaluation.benchmarks, or take the rule out`;
    return [
      ...(isScored ? [] : [{ pointer: `/stop/${i}/benchmark`, detail: words }]),
      ...missing.map((arm) => {
        const detail = `${where} there is no arm ${arm}, so no effect, intervention − control: add the arm to base.arms, or take the rule out`;
        return { pointer: `/stop/${i}`, detail };
      }),
    ];
  });
}

interface Choice {
  readonly path: string | null;
  readonly value: unknown;
  readonly pointer: string | null;
}

function valuesOf({ path, value }: Choice): Document {
  return path === null ? (value as Document) : { [path]: value }; // a replicate is an object
}

// The index as a number whose digits are the positions in the axes.
function choiceAt(axes: readonly Axis[], index: number): Choice[] {
  let rest = index;
  const choice = axes.toReversed().map(({ path, values, pointers }) => {
    const position = rest % values.length;
    rest = Math.floor(rest / values.length);
    return { path, value: values[position], pointer: pointers[position]! }; // as many as values
  });
  return choice.toReversed();
}

type Document = Readonly<Record<string, unknown>>;

function withValue(document: Document, keys: readonly string[], value: unknown): Document {
  const [key, ...deeper] = keys;
  if (key === undefined) return document;
  const inner = Object.hasOwn(document, key) ? document[key] : undefined;
  const isObject = typeof inner === 'object' && inner !== null && !Array.isArray(inner);
  const next = deeper.length === 0 ? value : withValue(isObject ? (inner as Document) : {}, deeper, value);
  return { ...document, [key]: next };
}

// A fault lies in the grid when the grid set the field or something above it, else in the base. What the sweep had before has no place in what was sent.
function inDocument({ pointer, detail }: Fault, choice: readonly Choice[], name: string): Fault {
  const atPoint = { pointer: '', detail: `at the point ${JSON.stringify(name)}: ${pointer || 'the job'}: ${detail}` };
  for (const { path, value, pointer: place } of choice) {
    for (const key of Object.keys(valuesOf({ path, value, pointer: place }))) {
      const own = pointerOf(key.split('.'));
      if (pointer !== own && !pointer.startsWith(`${own}/`)) continue;
      if (place === null) return atPoint;
      return { pointer: place + (path === null ? pointerOf([key]) : '') + pointer.slice(own.length), detail };
    }
  }
  return choice.some(({ pointer: place }) => place === null) ? atPoint : { pointer: `/base${pointer}`, detail };
}

function pointName(document: SweepDocument, point: Document): string {
  const { name } = document.base;
  const whole = document.name ?? (typeof name === 'string' ? name : undefined);
  const values = Object.entries(point).map(([path, value]) => `${path.split('.').at(-1)} ${JSON.stringify(value)}`);
  return [...(whole === undefined ? [] : [whole]), ...values].join(', ').slice(0, 200);
}
