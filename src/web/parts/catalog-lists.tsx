// Datasets, benchmarks and policies of the catalog.
import type { CatalogBenchmark, CatalogDataset, CatalogPolicy } from '../catalog-api.ts';
import { formatCount } from '../format.ts';
import { CommandLine } from './command-line.tsx';
import { VerifyDatasetButton } from './errand-buttons.tsx';
import { HeadRow } from './head-row.tsx';

export function DatasetTable({ datasets }: { datasets: readonly CatalogDataset[] }) {
  return (
    <>
      <div class="scroll" tabIndex={0} role="group" aria-label="Table of datasets">
        <table class="figures">
          <HeadRow names={['Dataset', 'Layout', 'Tokens a row', 'Rows a batch', 'Rows', 'Steps']} />
          <tbody>
            {datasets.map(({ name, layout, seqLength, batchSize, numSamples, trainSteps }) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td>{layout === 'preshuffled' ? 'rows in training order' : 'documents, packed and shuffled'}</td>
                <td>{formatCount(seqLength)}</td>
                <td>{formatCount(batchSize)}</td>
                <td>{formatCount(numSamples)}</td>
                <td>{formatCount(trainSteps ?? Math.floor(numSamples / batchSize))}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p class="minor">
        Files are opened, and their sizes checked, when they are registered. Reading all of one again:{' '}
        <CommandLine text={`tiresias datasets verify ${datasets[0]?.name ?? 'NAME'} --all`} />
      </p>
      {datasets.map(({ name }) => (
        <VerifyDatasetButton key={name} name={name} />
      ))}
    </>
  );
}

export function BenchmarkList({ benchmarks }: { benchmarks: readonly CatalogBenchmark[] }) {
  const inOrder = benchmarks.toSorted((a, b) => Number(b.isThere) - Number(a.isThere));
  return (
    <ul class="entries">
      {inOrder.map((benchmark) => (
        <Benchmark key={benchmark.name} benchmark={benchmark} />
      ))}
    </ul>
  );
}

function Benchmark({ benchmark }: { benchmark: CatalogBenchmark }) {
  const { name, isThere, detail, kind, protocols = [], sha256, source } = benchmark;
  return (
    <li class="entry">
      <h2>
        {name} <span class={isThere ? 'badge state-succeeded' : 'badge'}>{originWords(benchmark)}</span>
      </h2>
      {isThere && (
        <p>
          In the form of {kind}; scored by {protocols.join(', ')}.
        </p>
      )}
      {sha256 !== undefined && (
        <p class="minor">
          SHA-256 <code class="hash">{sha256}</code>
        </p>
      )}
      {detail !== undefined && <p class="minor">{detail}</p>}
      {source !== null && (
        <>
          <p class="minor">
            {source.citation}. Licence: {source.licence}. <a href={source.page}>Where it is published</a>
          </p>
          {!isThere && (
            <p>
              <CommandLine text={commandOf(name, source.verification)} />
            </p>
          )}
        </>
      )}
    </li>
  );
}

/** Official sets are known by their hash; of others a file must be given. */
function commandOf(name: string, verification: string): string {
  const isPinned = verification.startsWith('pinned');
  return isPinned ? `tiresias benchmarks pull ${name}` : `tiresias benchmarks add ${name} --from FILE`;
}

function originWords({ name, isThere, isOfficial, source }: CatalogBenchmark): string {
  if (!isThere) return '○ not here';
  if (isOfficial === true) return '✓ official files, hash matches';
  if (source !== null) return `✓ here, ${source.verification}`;
  return name.startsWith('nano-') ? '✓ part of the nano suite' : '✓ own set';
}

export function PolicyList({ policies }: { policies: readonly CatalogPolicy[] }) {
  return (
    <ul class="entries">
      {policies.map(({ name, version, description, actsOn, directions }) => (
        <li class="entry" key={name}>
          <h2>
            {name} <span class="badge">version {version}</span>
          </h2>
          <p>{description}</p>
          <p class="minor">
            Acts on {actsOn}; directions: {directions.join(', ')}.
          </p>
        </li>
      ))}
    </ul>
  );
}
