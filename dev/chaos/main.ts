import { randomInt } from 'node:crypto';
import { Command, Option } from 'commander';
import { type BrokenBuild, brokenBuilds, buildBroken, caughtIn } from './broken.js';
import { shapes, type Shape, type TemporalKind, temporalKinds } from './deployment.js';
import { MACHINES_PER_POOL } from './pools.js';
import { reportOf, scenarioReportOf } from './report.js';
import { runChaos, runScenarios } from './run.js';
import { type ScenarioName, scenarioNames } from './scenarios/scenarios.js';

/** `npm run chaos`: exit code 1 when a promise was broken. */
const given = new Command('chaos')
  .description('Runs a whole deployment on simulated clouds while everything goes wrong, and checks it from outside.')
  .option('--seed <number>', 'of all draws; a new one each time when left out', Number)
  .option('--minutes <number>', 'of demand and faults', Number, 10)
  .option('--lifecycles <number>', 'demand goes on until there have been so many', Number, 0)
  .option('--pools <number>', 'how many', Number, 40)
  .option('--machines <number>', 'of each pool at its maximum', Number, MACHINES_PER_POOL)
  .option('--providers <names>', 'only these', 'aws,azure,google,hand')
  .addOption(new Option('--shape <shape>', 'what is deployed').choices([...shapes]).default('embedded'))
  .addOption(
    new Option(
      '--temporal <kind>',
      'its server on Postgres, or its dev server; left out: the server with --shape production, else the dev server',
    ).choices([...temporalKinds]),
  )
  .option('--scenarios', 'after the run, with --shape production')
  .addOption(
    new Option('--scenario <names...>', 'only these and no run, on Postgres; all: each of them')
      .choices([...scenarioNames, 'all'])
      .conflicts('scenarios'),
  )
  .addOption(new Option('--broken <name>', 'a build that breaks a promise').choices(Object.keys(brokenBuilds)))
  .parse()
  .opts<{
    seed?: number;
    minutes: number;
    lifecycles: number;
    pools: number;
    machines: number;
    providers: string;
    shape: Shape;
    temporal?: TemporalKind;
    scenarios?: true;
    scenario?: (ScenarioName | 'all')[];
    broken?: BrokenBuild;
  }>();

const begun = Date.now();
const say = (line: string) => console.log(`${((Date.now() - begun) / 1000).toFixed(0).padStart(5)}  ${line}`);
const options = {
  ...given,
  seed: given.seed ?? randomInt(2 ** 31),
  providers: given.providers.split(',') as ('aws' | 'azure' | 'google' | 'hand')[],
  say,
};
const { seed, minutes, lifecycles, pools, machines, providers, shape, temporal } = options;
const repeated = { seed, minutes, lifecycles, pools, machines, providers: providers.join(), shape };
const again = Object.entries({ ...repeated, ...(temporal && { temporal }) });
const command = `npm run chaos -- ${again.map(([name, value]) => `--${name} ${value}`).join(' ')}${given.scenarios ? ' --scenarios' : ''}`;
process.exit(given.broken ? await mustBeCaught(given.broken) : await mustHold());

async function mustHold(): Promise<number> {
  const { violations } = await run();
  return violations.length > 0 ? 1 : 0;
}

/** Succeeds when the run fails. */
async function mustBeCaught(name: BrokenBuild): Promise<number> {
  say(`building the broken build ${name}`);
  const { root, remove } = await buildBroken(name);
  try {
    const { violations } = await run({ name, root });
    console.log(violations.length > 0 ? `caught: ${violations[0]}` : `NOT CAUGHT: ${name}`);
    return violations.length > 0 ? 0 : 1;
  } finally {
    remove();
  }
}

/** Of a build that is broken: the scenario that must catch it where there is one, until the first violation. */
async function run(broken?: { name: BrokenBuild; root: string }): Promise<{ violations: readonly string[] }> {
  const of = broken && { root: broken.root, untilViolation: true };
  const suffix = broken ? ` --broken ${broken.name}` : '';
  const chosen = given.scenario ?? [broken && caughtIn[broken.name]].filter((name) => name !== undefined);
  if (chosen.length === 0) {
    const outcome = await runChaos({ ...options, ...of });
    console.log(reportOf(outcome, options, command + suffix));
    return outcome;
  }
  const names = chosen.includes('all') ? scenarioNames : scenarioNames.filter((name) => chosen.includes(name));
  const outcome = await runScenarios({ say, temporal: temporal ?? 'dev', chosen: names, ...of });
  const engine = temporal ? ` --temporal ${temporal}` : '';
  console.log(scenarioReportOf(outcome, `npm run chaos -- --scenario ${names.join(' ')}${engine}${suffix}`));
  return outcome;
}
