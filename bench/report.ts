/** The figures as people read them. */
import type { BenchResult } from './bench.ts';
import { STAGES } from './laps.ts';
import type { Machine } from './machine.ts';
import type { Rate } from './rate.ts';

export function formatReport(result: BenchResult): string {
  return [
    describe(result.machine),
    formatRates(result),
    formatStages(result),
    formatWire(result),
    `The whole took ${result.seconds.toFixed(0)} s. What the figures mean: docs/benchmarks.md\n`,
  ].join('\n');
}

function describe({ cpu, cores, node, platform, load, fsyncMs, fsyncSlowMs, inMemory }: Machine): string {
  const disk = `fsync of 4 KiB ${fsyncMs.toFixed(2)} ms, one in twenty over ${fsyncSlowMs.toFixed(1)} ms`;
  return `${cpu}, ${cores} cores, ${platform}, Node ${node}; load before ${load.toFixed(1)}
${inMemory ? 'IN MEMORY, so nothing was durable: set TMPDIR to a directory on a disk' : disk}
`;
}

function formatRates({ batch, road, radioRoad, plainSingle, plainBatch }: BenchResult): string {
  const line = (what: string, rate: Rate) => [
    what,
    group(rate.perSecond),
    `${(rate.perSecond / road.perSecond).toFixed(2)} x`,
    group(rate.readings),
    rate.seconds.toFixed(1),
    rate.cpuSeconds.toFixed(1),
  ];
  return table(
    ['one agent, one process, durable', 'readings/s', 'of the road', 'readings', 's', 'CPU s'],
    [
      line(`the road, batches of ${batch}: heard to signed checkpoint`, road),
      line('  the same through virtual strap and Bluetooth stack', radioRoad),
      line('plain MQTT to SQLite, one reading a message and transaction', plainSingle),
      line(`plain MQTT to SQLite, ${batch} readings a message and transaction`, plainBatch),
    ],
  );
}

function formatStages({ stages, road, batch }: BenchResult): string {
  const [main] = stages;
  const sums = stages.map(({ ms }) => Object.values(ms).reduce((sum, one) => sum + one, 0));
  const rows = STAGES.map(([where, stage]) => [
    `${where.padEnd(8)}${stage}`,
    main!.ms[stage].toFixed(2),
    percent(main!.ms[stage] / sums[0]!),
    ...stages.map((run) => ((1000 * run.ms[stage]) / run.batch).toFixed(2)),
  ]);
  const [dominant] = STAGES.toSorted(([, a], [, b]) => main!.ms[b] - main!.ms[a]);
  const total = ['sum', sums[0]!.toFixed(2), '', ...stages.map((run, i) => ((1000 * sums[i]!) / run.batch).toFixed(2))];
  const agent = STAGES.reduce((sum, [where, stage]) => sum + (where === 'agent' ? main!.ms[stage] : 0), 0);
  return `${table(
    [
      `stage, a batch of ${main!.batch}`,
      'ms',
      '% of sum',
      ...stages.map((run) => `us/reading${run === main ? '' : ` at ${run.batch}`}`),
    ],
    [...rows, total],
  )}On the road a batch of ${batch} takes ${((1000 * batch) / road.perSecond).toFixed(1)} ms. The longest stage is "${dominant![1]}"; \
the agent's stages are ${percent(agent / sums[0]!)} of the sum.
`;
}

function formatWire({ wire }: BenchResult): string {
  return table(
    ['octets on the wire for each heart rate at 1 Hz', 'road', 'plain, as many', 'plain, single'],
    wire.map(({ batch, rr, road, plainBatch, plainSingle }) => [
      `batches of ${batch}, ${rr ? 'with RR intervals' : 'rate alone'}`,
      ...[road, plainBatch, plainSingle].map((octets) => octets.toFixed(1)),
    ]),
  );
}

/** First column to the left, the others to the right. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]!.length)));
  const line = (cells: readonly string[]) =>
    cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  ');
  return `${[line(head), widths.map((width) => '-'.repeat(width)).join('  '), ...rows.map(line)].join('\n')}\n`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

function group(value: number): string {
  return Math.round(value)
    .toString()
    .replaceAll(/\B(?=(\d{3})+$)/g, ',');
}
