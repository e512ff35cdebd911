import { randomInt } from 'node:crypto';
import { Command, Option } from 'commander';
import { type BrokenBuild, brokenBuilds, buildBroken } from './broken.js';
import { shapes, type Shape } from './deployment.js';
import { reportOf } from './report.js';
import { runChaos } from './run.js';

/** `npm run chaos`: exit code 1 when a promise was broken. */
const given = new Command('chaos')
  .description('Runs a whole deployment on simulated clouds while everything goes wrong, and checks it from outside.')
  .option('--seed <number>', 'of all draws; a new one each time when left out', Number)
  .option('--minutes <number>', 'of demand and faults', Number, 10)
  .option('--lifecycles <number>', 'demand goes on until there have been so many', Number, 0)
  .option('--pools <number>', 'how many', Number, 40)
  .option('--providers <names>', 'only these', 'aws,azure,google,hand')
  .addOption(new Option('--shape <shape>', 'what is deployed').choices([...shapes]).default('embedded'))
  .option('--scenarios', 'after the run, with --shape production')
  .addOption(new Option('--broken <name>', 'a build that breaks a promise').choices(Object.keys(brokenBuilds)))
  .parse()
  .opts<{
    seed?: number;
    minutes: number;
    lifecycles: number;
    pools: number;
    providers: string;
    shape: Shape;
    scenarios?: true;
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
const { seed, minutes, lifecycles, pools, providers, shape } = options;
const again = Object.entries({ seed, minutes, lifecycles, pools, providers: providers.join(), shape });
const command = `npm run chaos -- ${again.map(([name, value]) => `--${name} ${value}`).join(' ')}${given.scenarios ? ' --scenarios' : ''}`;
process.exit(given.broken ? await mustBeCaught(given.broken) : await mustHold());

async function mustHold(): Promise<number> {
  const outcome = await runChaos(options);
  console.log(reportOf(outcome, options, command));
  return outcome.violations.length > 0 ? 1 : 0;
}

/** Succeeds when the run fails. */
async function mustBeCaught(name: BrokenBuild): Promise<number> {
  say(`building the broken build ${name}`);
  const { root, remove } = await buildBroken(name);
  try {
    const outcome = await runChaos({ ...options, root, untilViolation: true });
    console.log(reportOf(outcome, options, `${command} --broken ${name}`));
    const isCaught = outcome.violations.length > 0;
    console.log(isCaught ? `caught: ${outcome.violations[0]}` : `NOT CAUGHT: ${name}`);
    return isCaught ? 0 : 1;
  } finally {
    remove();
  }
}
