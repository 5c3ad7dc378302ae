// `npm run acceptance [-- NAME …]`: the long trials, each printing its figures for docs/log.md. A trial that misses its mark fails.
import { cardSlots } from './card-slots.ts';
import { chaos } from './chaos.ts';
import { crashes, crashesNative } from './crashes.ts';
import { dose } from './dose.ts';
import { exactMatch } from './exact-match.ts';
import { faults } from './faults.ts';
import { fuzz } from './fuzz.ts';
import { growth } from './growth.ts';
import { hosts } from './hosts.ts';
import { importMemory } from './import-memory.ts';
import { intervention } from './intervention.ts';
import { load, loadShort } from './load.ts';
import { memoryPlan } from './memory-plan.ts';
import { cudaBackend, nativeBackend, otherBackend, otherBackendShort } from './other-backend.ts';
import { outside } from './outside.ts';
import { pageSpeed } from './page-speed.ts';
import { plant } from './plant.ts';
import { records } from './records.ts';
import { resumeFidelity } from './resume-fidelity.ts';
import { scoreSpeed } from './score-speed.ts';
import { slurm } from './slurm.ts';
import { statistics } from './statistics.ts';
import { storage } from './storage.ts';
import { sweep, sweepShort } from './sweep.ts';
import { pythia14m, pythia70m } from './true-shape.ts';

const TRIALS: Readonly<Record<string, () => Promise<void>>> = {
  plant,
  intervention,
  dose,
  crashes,
  crashesNative,
  chaos,
  slurm,
  statistics,
  storage,
  hosts,
  faults,
  pythia14m,
  pythia70m,
  resumeFidelity,
  importMemory,
  records,
  growth,
  pageSpeed,
  memoryPlan,
  nativeBackend,
  cudaBackend,
  cardSlots,
  otherBackend,
  otherBackendShort,
  outside,
  exactMatch,
  scoreSpeed,
  fuzz,
  load,
  loadShort,
  sweep,
  sweepShort,
};

/** Run only when named: they need Slurm and root, a graphics card, checkpoints that `suite build` made, or are short forms. */
const ON_REQUEST = ['slurm', 'cudaBackend', 'cardSlots', 'otherBackendShort', 'loadShort', 'sweepShort'];

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in TRIALS));
if (unknown.length > 0) {
  console.error(`no trial ${unknown.join(', ')}; there is ${Object.keys(TRIALS).join(', ')}`);
  process.exit(2);
}
let numFailed = 0;
for (const [name, trial] of Object.entries(TRIALS)) {
  if (wanted.length > 0 ? !wanted.includes(name) : ON_REQUEST.includes(name)) continue;
  const startedMs = performance.now();
  console.log(`== ${name}`);
  try {
    await trial();
    console.log(`   ${name}: reached, ${((performance.now() - startedMs) / 1000).toFixed(0)} s`);
  } catch (error) {
    numFailed += 1;
    console.error(`   ${name}: MISSED: ${error instanceof Error ? error.message : String(error)}`);
  }
}
process.exit(numFailed === 0 ? 0 : 1);
