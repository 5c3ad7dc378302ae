// What goes with an export for those who run it: the launch script and the README.
import type { RunPlan } from '../../src/train/plan.ts';
import { LAYOUT, saveInterval, type EngineSettings } from './config.ts';

/** launch.sh: GPT-NeoX in a folder of its own, from the exported checkpoint or from the newest that it has saved. */
export function launchScript(plan: RunPlan): string {
  const { start, trained, config } = LAYOUT;
  return `#!/bin/sh
# Trains steps ${plan.from} to ${plan.to} with GPT-NeoX v1.0. Started again, it goes on from the newest checkpoint in ${trained}/.
set -eu
: "\${GPT_NEOX:?name the checkout of GPT-NeoX v1.0, for example GPT_NEOX=\$HOME/gpt-neox $0}"
cd "$(dirname "$0")"
if [ ! -e ${trained}/latest ]; then
  sha256sum --check --quiet SHA256SUMS
  mkdir -p ${trained}
  ln -sfn ../${start}/global_step${plan.from} ${trained}/global_step${plan.from}
  cp ${start}/latest ${trained}/latest
fi
# Releases differ in the name of this setting.
key=save_interval
if grep -q checkpoint_factor "$GPT_NEOX"/megatron/neox_arguments/*.py; then key=checkpoint_factor; fi
printf '"%s": %s\\n' "$key" ${saveInterval(plan)} > ${trained}/saving.yml
exec python "$GPT_NEOX/deepy.py" "$GPT_NEOX/train.py" -d . ${config} ${trained}/saving.yml "$@"
`;
}

export interface Guide {
  readonly job: { readonly id: string; readonly name: string };
  readonly arm: string;
  readonly plan: RunPlan;
  readonly settings: EngineSettings;
  readonly moments: string;
  readonly differences: readonly string[];
}

/** README.md of an export. */
export function readme({ job, arm, plan, settings, moments, differences }: Guide): string {
  const { from, to, rowsPerStep, seqLength } = plan;
  const { data, start, trained, config } = LAYOUT;
  return `# Steps ${from} to ${to} of the arm "${arm}" of job ${job.id}, for GPT-NeoX

Tiresias rewrote the window; GPT-NeoX v1.0 (the release that trained Pythia, with its pinned DeeperSpeed) trains it. Later releases
keep other optimizer files and other names of index arrays: take the release.

    GPT_NEOX=/path/to/gpt-neox ./launch.sh
    tiresias import neox ${job.id} --arm ${arm} --from ${trained} --step ${to}

| what | where |
| --- | --- |
| the window's rows, one document a row of ${seqLength + 1} tokens, ${rowsPerStep} a step | \`${data}.bin\`, \`${data}.idx\` |
| index arrays by which sample s·${rowsPerStep} + r is row r of step s | \`${data}_train_0_indexmap_*.npy\` |
| the checkpoint at step ${from}: fp16 layers, fp32 masters, optimizer | \`${start}/\` |
| settings | \`${config}\` |
| every file's SHA-256; every step's rows before and after rewriting | \`manifest.json\`, \`SHA256SUMS\` |

The folder may be moved as a whole; its paths are relative to it, and all nodes must see it under one path. GPT-NeoX writes ${trained}/ and a
few index arrays of validation sets that are never read.

## The data

The sampler passes over the first ${from * rowsPerStep} samples (step ${from} times ${rowsPerStep} rows) without reading them, so the resumed run's step s reads the rows that
\`manifest.json\` names for step s, whatever the number of GPUs. The arrays' names hold the number of samples: change neither
\`train_iters\` (${to}), \`train_batch_size\` (${rowsPerStep}), \`seq_length\` nor \`seed\` (${settings.seed}), or GPT-NeoX makes arrays of its own, which pack and shuffle the rows.
If its log warns right after "train_0:" that it found no index map files, stop it.

## The optimizer

${moments}
The file is one rank's; ZeRO stage 1 cuts it anew for as many GPUs as there are. \`finetune\` and \`no_load_optim\` stay off: with the first, the step and with it the place
in the data begin from zero; with either, so does the learning rate.

## Where this is not what Tiresias itself would do

${differences.map((line) => `- ${line}\n`).join('')}
## What was not tried

These files were read back by independent readers; no run of GPT-NeoX itself has loaded them yet.
`;
}
