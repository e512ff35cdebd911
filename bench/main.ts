import { writeFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import { startPostgres } from '../test/support/postgres.js';
import { azureScenarios, measureAzure } from './azure.js';
import { measureCounts } from './counts.js';
import { measureIdle } from './idle.js';
import { measureLives } from './lives.js';
import { conclusion, table, verdictOf, type Figure } from './report.js';

/** `npm run bench`: figures with their limits. No test: it ends with 0 whatever it measured. */
const options = new Command('bench')
  .description('Measures a whole deployment on this machine, against what the engine itself takes in the same run.')
  .addOption(new Option('--records <engine>', 'only this one').choices(['pglite', 'postgres']))
  .option('--workers <number>', 'machines of the one pool', Number, 500)
  .option('--idle <number>', 'lifecycles that wait; 0 leaves them out', Number, 10_000)
  .option('--no-lives', 'leave the lives out')
  .option('--no-counts', 'leave the counts out')
  .option('--no-azure', 'leave Azure out')
  .option('--removed-by <who>', 'only this one: client or machines')
  .option('--json <file>', 'where the figures go', 'bench-results.json')
  .parse()
  .opts<{
    records?: 'pglite' | 'postgres';
    workers: number;
    idle: number;
    lives: boolean;
    counts: boolean;
    azure: boolean;
    removedBy?: 'client' | 'machines';
    json: string;
  }>();

const figures: Figure[] = [];
const note = (measured: readonly Figure[]) => {
  figures.push(...measured);
  console.log(table(measured));
};

const engines = options.records ? [options.records] : (['pglite', 'postgres'] as const);
const postgres = await startPostgres();
try {
  for (const records of options.lives ? engines : []) {
    for (const removedBy of options.removedBy ? [options.removedBy] : (['client', 'machines'] as const)) {
      note(await measureLives({ records, workers: options.workers, removedBy }));
    }
  }
  for (const limits of options.counts ? (['off', 'ec2'] as const) : []) {
    note(await measureCounts(options.workers, limits));
  }
  for (const scenario of options.azure ? azureScenarios : []) {
    note(await measureAzure(scenario, options.workers));
  }
  for (const records of options.idle > 0 ? engines : []) {
    note(await measureIdle({ records, lifecycles: options.idle }));
  }
} finally {
  await postgres.stop();
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
