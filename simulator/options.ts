import { Command, InvalidArgumentError, Option } from 'commander';
import { usualZones } from './google/places.js';

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
  /** Where the same is offered over TLS, which Azure's credentials insist on; null: nowhere. */
  readonly tlsPort: number | null;
  /** URL of a message broker that hears of pending tasks; null: there is none. */
  readonly pulse: string | null;
  readonly azureResourceGroups: readonly string[];
  readonly azureLimits: 'off' | 'arm';
  readonly azureClientSecret: string;
  readonly azurePageSize: number;
  readonly azureRetryAfterSeconds: number;
  readonly azureVmCreateMs: number;
  readonly azureVmDeleteMs: number;
  readonly azureNetworkCreateMs: number;
  readonly azureNetworkDeleteMs: number;
  readonly azureDiskDeleteMs: number;
  readonly azureDeploymentMs: number;
  readonly googleProjects: readonly string[];
  readonly googleZones: readonly string[];
  readonly googleLimits: 'off' | 'compute';
  readonly googleGhosts: 'on' | 'off';
  readonly googleInsertMs: number;
  readonly googleDeleteMs: number;
  readonly googleStopMs: number;
  readonly googleListDelayMs: number;
  readonly googleOperationKeptMs: number;
  readonly googleWindowMs: number;
  readonly googleCertsMaxAgeSeconds: number;
}

/** As the command line gives them: what has no default may be missing. */
type Given = Omit<SimulatorOptions, 'machines' | 'stateDir' | 'log' | 'api' | 'idleLimitMs' | 'tlsPort' | 'pulse'> & {
  readonly machines: 'on' | 'off';
  readonly stateDir?: string;
  readonly log?: string;
  readonly api?: URL;
  readonly idleLimitMs?: number;
  readonly tlsPort?: number;
  readonly pulse?: string;
};

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('a whole number is needed.');
  return Number(text);
}

/** One of several words; the first without the option. */
const choice = (flags: string, description: string, words: readonly string[]): Option =>
  new Option(flags, description).choices(words).default(words[0]);

const names = (text: string): string[] => text.split(',').filter(Boolean);

function httpUrl(text: string): URL {
  if (!URL.canParse(text) || new URL(text).protocol !== 'http:')
    throw new InvalidArgumentError('an http URL is needed.');
  return new URL(text);
}

/** Reads the command line; prints help or what is wrong and exits where there is nothing to run. */
// oxlint-disable-next-line max-lines-per-function -- one line for each option
export function parseOptions(argv: readonly string[]): SimulatorOptions {
  const command = new Command('simulator')
    .description(
      'EC2, Azure, Compute Engine, a task queue and the machines themselves, over HTTP on this computer. No cloud is called.',
    )
    .option('--port <number>', 'port on 127.0.0.1; 0 takes a free one', wholeNumber, 0)
    .option('--state-dir <dir>', 'keep machines, tasks, tokens and keys here and go on with what is there')
    .option('--log <file>', 'append one JSON line for each request to this file')
    .option('--api <url>', 'where /api/worker-manager/ is forwarded to', httpUrl)
    .option('--regions <names>', 'regions that exist', names, ['us-east-1', 'us-east-2', 'us-west-1', 'us-west-2'])
    .addOption(choice('--machines <on|off>', 'whether anything runs in the machines', ['on', 'off']))
    .addOption(choice('--limits <off|ec2>', "enforce EC2's usual request limits", ['off', 'ec2']))
    .addOption(choice('--leave-by <way>', 'how machines go when they are not needed', ['shutdown', 'remove']))
    .option('--boot-ms <ms>', 'from launch to registration', wholeNumber, 3000)
    .option('--latency-ms <ms>', 'added to each call of a cloud', wholeNumber, 0)
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
    .option('--tls-port <number>', 'the same over TLS on this port; 0 takes a free one', wholeNumber)
    .option('--pulse <url>', 'the message broker that hears of pending tasks, amqp://user:password@host:port')
    .option('--azure-resource-groups <names>', 'groups that exist at first', names, ['worker-manager'])
    .addOption(choice('--azure-limits <off|arm>', "enforce Azure Resource Manager's request limits", ['off', 'arm']))
    .option('--azure-client-secret <text>', 'the secret that gets a token', 'simulated-secret')
    .option('--azure-page-size <number>', 'resources in one page of a list', wholeNumber, 200)
    .option('--azure-retry-after-seconds <s>', 'largest Retry-After while an operation runs; 0: none', wholeNumber, 10)
    .option('--azure-vm-create-ms <ms>', 'time to create a virtual machine', wholeNumber, 8000)
    .option('--azure-vm-delete-ms <ms>', 'time to delete one', wholeNumber, 5000)
    .option('--azure-network-create-ms <ms>', 'time to create an address or interface', wholeNumber, 500)
    .option('--azure-network-delete-ms <ms>', 'time to delete one', wholeNumber, 500)
    .option('--azure-disk-delete-ms <ms>', 'time to delete a disk', wholeNumber, 500)
    .option('--azure-deployment-ms <ms>', 'what a deployment takes beyond its resources', wholeNumber, 1000)
    .allowExcessArguments(false);
  addGoogleOptions(command);
  const given = command.parse(argv, { from: 'user' }).opts<Given>();
  return {
    ...given,
    machines: given.machines === 'on',
    stateDir: given.stateDir ?? null,
    log: given.log ?? null,
    api: given.api ?? null,
    tlsPort: given.tlsPort ?? null,
    pulse: given.pulse ?? null,
    idleLimitMs: given.idleLimitMs ?? given.idleMs * 10,
  };
}

function addGoogleOptions(command: Command): void {
  command
    .option('--google-projects <names>', 'projects that exist', names, ['simulated-project'])
    .option('--google-zones <names>', 'zones that exist', names, usualZones)
    .addOption(choice('--google-limits <off|compute>', "enforce Compute Engine's rate limits", ['off', 'compute']))
    .addOption(
      choice('--google-ghosts <on|off>', 'whether machines that fail to be created are listed until then', [
        'on',
        'off',
      ]),
    )
    .option('--google-insert-ms <ms>', 'from acceptance until the operation is done', wholeNumber, 4000)
    .option('--google-delete-ms <ms>', 'time to delete a machine or a disk', wholeNumber, 8000)
    .option('--google-stop-ms <ms>', 'from preemption or shutdown until it is off or gone', wholeNumber, 2000)
    .option('--google-list-delay-ms <ms>', 'new machines are missing from lists for so long', wholeNumber, 0)
    .option('--google-operation-kept-ms <ms>', 'ended operations are known for so long', wholeNumber, 3_600_000)
    .option('--google-window-ms <ms>', 'length of a window of the rate limits', wholeNumber, 60_000)
    .option('--google-certs-max-age-seconds <s>', 'how long identity keys may be kept', wholeNumber, 3600);
}
