import { writeFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import { startPostgres } from '../testing/postgres.js';
import { measureApi } from './api.js';
import { azureScenarios, measureAzure } from './azure.js';
import { measureChurn } from './churn.js';
import { measureCounts } from './counts.js';
import { measureExplanations } from './explanations.js';
import { measureFleetQueries } from './fleet.js';
import { measureGoogle } from './google.js';
import { measureGoogleErrors, measureGoogleMemory } from './google-process.js';
import { measureIdle } from './idle.js';
import { measureLives } from './lives.js';
import { conclusion, table, verdictOf, type Figure } from './report.js';

/** `npm run bench`: figures with their limits. No test: it ends with 0 whatever it measured. */
const options = new Command('bench')
  .description('Measures a whole deployment on this machine, against what the engine itself takes in the same run.')
  .addOption(new Option('--database <engine>', 'only this one').choices(['pglite', 'postgres']))
  .option('--workers <number>', 'machines of the one pool', Number, 500)
  .option('--idle <number>', 'lifecycles that wait; 0 leaves them out', Number, 10_000)
  .option('--no-lives', 'leave the lives out')
  .option('--no-counts', 'leave the counts out')
  .option('--no-azure', 'leave Azure out')
  .option('--no-google', 'leave Google out')
  .option('--no-api', 'leave the API out')
  .option('--fleet', 'only the queries of a large deployment, and the large deployment itself')
  .option('--minutes <number>', 'of the large deployment at work; 0 leaves it out', Number, 10)
  .option('--pools <number>', 'of the large deployment at work', Number, 400)
  .option('--live <number>', 'lifecycles of the large deployment at work', Number, 5_000)
  .option('--no-queries', 'leave the queries of the large deployment out')
  .option('--no-explanations', 'leave what its pages ask for out')
  .option('--removed-by <who>', 'only this one: client or machines')
  .option('--json <file>', 'where the figures go', 'bench-results.json')
  .parse()
  .opts<{
    database?: 'pglite' | 'postgres';
    workers: number;
    idle: number;
    lives: boolean;
    counts: boolean;
    azure: boolean;
    google: boolean;
    api: boolean;
    fleet?: true;
    minutes: number;
    pools: number;
    live: number;
    queries: boolean;
    explanations: boolean;
    removedBy?: 'client' | 'machines';
    json: string;
  }>();

const figures: Figure[] = [];
const note = (measured: readonly Figure[]) => {
  figures.push(...measured);
  console.log(table(measured));
};

const engines = options.database ? [options.database] : (['pglite', 'postgres'] as const);
const postgres = await startPostgres();
try {
  if (options.fleet) await measureFleet();
  else await measureOthers();
} finally {
  await postgres.stop();
}

async function measureFleet(): Promise<void> {
  if (options.queries) note(await measureFleetQueries());
  if (options.explanations) note(await measureExplanations());
  if (options.minutes > 0) note(await measureChurn(options, postgres.pid));
}

async function measureOthers(): Promise<void> {
  for (const database of options.lives ? engines : []) {
    for (const removedBy of options.removedBy ? [options.removedBy] : (['client', 'machines'] as const)) {
      note(await measureLives({ database, workers: options.workers, removedBy }));
    }
  }
  for (const limits of options.counts ? (['off', 'ec2'] as const) : []) {
    note(await measureCounts(options.workers, limits));
  }
  for (const scenario of options.azure ? azureScenarios : []) {
    note(await measureAzure(scenario, options.workers));
  }
  if (options.google) {
    note(await measureGoogle(options.workers));
    note(await measureGoogleErrors());
    note(await measureGoogleMemory());
  }
  if (options.api) note(await measureApi());
  for (const database of options.idle > 0 ? engines : []) {
    note(await measureIdle({ database, lifecycles: options.idle }));
  }
}

if (figures.length > 0) {
  const at = new Date().toISOString();
  writeFileSync(
    options.json,
    JSON.stringify({ at, figures: figures.map((f) => ({ ...f, verdict: verdictOf(f) })) }, null, 2),
  );
  console.log(
    `\n${conclusion(figures)}\nWritten to ${options.json}. This is a measurement, not a test: other work on the machine changes it.`,
  );
}
