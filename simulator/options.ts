import { Command, InvalidArgumentError, Option } from 'commander';

export interface SimulatorOptions {
  readonly port: number;
  readonly stateDir: string | null;
  readonly log: string | null;
  readonly api: URL | null;
  readonly regions: readonly string[];
  readonly machines: boolean;
  readonly limits: 'off' | 'ec2';
  readonly leaveBy: 'shutdown' | 'remove';
  readonly bootMs: number;
  readonly latencyMs: number;
  readonly listDelayMs: number;
  readonly shutdownMs: number;
  readonly terminatedVisibleMs: number;
  readonly taskMs: number;
  readonly idleMs: number;
  readonly idleLimitMs: number;
  readonly claimTimeoutMs: number;
}

/** As the command line gives them: what has no default may be missing. */
type Given = Omit<SimulatorOptions, 'machines' | 'stateDir' | 'log' | 'api' | 'idleLimitMs'> & {
  readonly machines: 'on' | 'off';
  readonly stateDir?: string;
  readonly log?: string;
  readonly api?: URL;
  readonly idleLimitMs?: number;
};

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('a whole number is needed.');
  return Number(text);
}

function httpUrl(text: string): URL {
  if (!URL.canParse(text) || new URL(text).protocol !== 'http:')
    throw new InvalidArgumentError('an http URL is needed.');
  return new URL(text);
}

/** Reads the command line; prints help or what is wrong and exits where there is nothing to run. */
export function parseOptions(argv: readonly string[]): SimulatorOptions {
  const command = new Command('simulator')
    .description('EC2, a task queue and the machines themselves, over HTTP on this computer. No cloud is called.')
    .option('--port <number>', 'port on 127.0.0.1; 0 takes a free one', wholeNumber, 0)
    .option('--state-dir <dir>', 'keep machines, tasks, tokens and keys here and go on with what is there')
    .option('--log <file>', 'append one JSON line for each request to this file')
    .option('--api <url>', 'where /api/worker-manager/ is forwarded to', httpUrl)
    .option('--regions <names>', 'regions that exist', (text) => text.split(',').filter(Boolean), [
      'us-east-1',
      'us-east-2',
      'us-west-1',
      'us-west-2',
    ])
    .addOption(
      new Option('--machines <on|off>', 'whether anything runs in the machines').choices(['on', 'off']).default('on'),
    )
    .addOption(
      new Option('--limits <off|ec2>', "enforce EC2's usual request limits").choices(['off', 'ec2']).default('off'),
    )
    .addOption(
      new Option('--leave-by <way>', 'how machines go when they are not needed')
        .choices(['shutdown', 'remove'])
        .default('shutdown'),
    )
    .option('--boot-ms <ms>', 'from launch to registration', wholeNumber, 3000)
    .option('--latency-ms <ms>', 'added to each EC2 call', wholeNumber, 0)
    .option('--list-delay-ms <ms>', 'new machines are missing from DescribeInstances for so long', wholeNumber, 2000)
    .option('--shutdown-ms <ms>', 'from shutting-down to terminated', wholeNumber, 2000)
    .option('--terminated-visible-ms <ms>', 'terminated machines are described for so long', wholeNumber, 600_000)
    .option('--task-ms <ms>', 'how long a task takes unless it says otherwise', wholeNumber, 5000)
    .option('--idle-ms <ms>', 'a machine idle for so long asks whether it should terminate', wholeNumber, 20_000)
    .option(
      '--idle-limit-ms <ms>',
      'a machine idle for so long goes unasked (default: ten times --idle-ms)',
      wholeNumber,
    )
    .option('--claim-timeout-ms <ms>', "a dead machine's tasks are pending again after so long", wholeNumber, 10_000)
    .allowExcessArguments(false);
  const given = command.parse(argv, { from: 'user' }).opts<Given>();
  return {
    ...given,
    machines: given.machines === 'on',
    stateDir: given.stateDir ?? null,
    log: given.log ?? null,
    api: given.api ?? null,
    idleLimitMs: given.idleLimitMs ?? given.idleMs * 10,
  };
}
