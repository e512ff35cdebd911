import { Argument, type Command, Option } from 'commander';
import { workerStates } from '../../domain/worker.js';
import { EXIT } from '../exit.js';
import { connect, type Connection, listAll, pathPart } from './connection.js';
import type { Topic } from './events.js';
import { forms, type OutputOptions, type Table, textOf, textOfOne } from './output.js';
import { orNearPools, show, type ShowOptions } from './show.js';

/**
 * The operator's client. It speaks HTTP with an operator's own credentials; modules load when their command runs, so
 * that help is there at once.
 */

const CONNECTION_HELP = `
The server is --url or WORKER_MANAGER_URL. Credentials are WORKER_MANAGER_TOKEN, or those of Taskcluster's tools:
TASKCLUSTER_CLIENT_ID, TASKCLUSTER_ACCESS_TOKEN and TASKCLUSTER_CERTIFICATE. Instants are UTC. Data goes to stdout,
words go to stderr.`;

type Options = ShowOptions & { readonly url?: string };

export function addClientCommands(program: Command): void {
  const command = (name: string, description: string): Command => clientCommand(program, name, description);
  addPools(command);
  addDryRun(command);
  addWorkers(command);
  addPoolLists(command);
  addDeploymentLists(command);
  addExplain(command);
  command('top', 'All pools as they change, on a whole terminal; holds, releases and removes')
    .option('--pool <id>', 'the workers of this pool')
    .action(async (options: { url?: string; pool?: string }) => {
      const { top } = await import('./top.js');
      await top(connectionOf(options), options);
    });
  program
    .command('completion')
    .description('Prints what a shell needs to complete commands, options and pools')
    .addArgument(new Argument('<shell>').choices(['bash', 'zsh']))
    .addHelpText('after', '\nIn a shell, or in its start file: source <(worker-manager completion bash)')
    .action(async (shell: 'bash' | 'zsh') => {
      const { completionScript } = await import('./completion.js');
      process.stdout.write(completionScript(program, shell));
    });
}

/** A command that speaks to a running server. */
export const clientCommand = (program: Command, name: string, description: string): Command =>
  program
    .command(name)
    .description(description)
    .option('--url <url>', 'the server (default: $WORKER_MANAGER_URL)')
    .addHelpText('after', CONNECTION_HELP);

export const connectionOf = (options: { readonly url?: string }): Connection => connect(options, process.env);

type Add = (name: string, description: string) => Command;

export const outputOption = (): Option =>
  new Option('-o, --output <form>', 'form of the data').choices(forms).default('table');

const shown = (command: Command): Command =>
  command.addOption(outputOption()).option('-w, --watch', 'shows it again as it changes');

const listed = (command: Command): Command =>
  shown(command)
    .option('--no-headers', 'leaves out the titles of columns')
    .option('--sort-by <column>', 'orders by a column, by its title')
    .option('--limit <n>', 'most rows to show');

/** What a list shows; `topic`: what tells of its changes. */
interface List<Row> {
  readonly table: (nowMs: number) => Table<Row>;
  readonly topic?: Topic | null;
  readonly read: (connection: Connection) => Promise<Row[]>;
}

const list = <Row>(options: Options, { table, topic = null, read }: List<Row>): Promise<void> => {
  const connection = connectionOf(options);
  const render = async (output: OutputOptions) => textOf(await read(connection), table(Date.now()), output);
  return show(options, { connection, topic, render });
};

/** One thing, by its name. */
const one = (
  options: Options,
  name: string,
  topic: Topic | null,
  read: (connection: Connection) => Promise<object>,
): Promise<void> => {
  const connection = connectionOf(options);
  const render = async ({ output }: OutputOptions) => textOfOne(await read(connection), name, output);
  return show({ ...options, headers: true }, { connection, topic, render });
};

const topicOf = (pool: string | undefined): Topic => (pool === undefined ? 'overview' : `pool:${pool}`);

function addPools(command: Add): void {
  listed(command('pools', 'Worker pools, those first that want somebody'))
    .option('--why [cause]', 'explains each pool, or shows those with this cause; one call for each')
    .action(async (options: Options & { why?: string | true }) => {
      const { listPools, poolTable } = await import('./lists.js');
      const { explainedPools } = await import('./explained-pools.js');
      const { why } = options;
      const read = (connection: Connection) =>
        why === undefined ? listPools(connection) : explainedPools(connection, why);
      await list(options, { table: poolTable, topic: 'overview', read });
    });

  shown(command('pool <id>', 'One worker pool')).action((id: string, options: Options) =>
    one(options, id, topicOf(id), (connection) =>
      orNearPools(connection, id, () => connection.call('GET', `worker-pool/${pathPart(id)}`) as Promise<object>),
    ),
  );
}

function addDryRun(command: Add): void {
  command('dry-run <pool> <file>', 'What a definition (JSON or YAML) would change and launch; changes nothing')
    .addOption(outputOption())
    .action(async (pool: string, file: string, options: Options) => {
      const { readDefinition } = await import('./definition.js');
      const definition = readDefinition(file);
      await one(
        options,
        pool,
        null,
        (connection) => connection.call('POST', `worker-pool/${pathPart(pool)}/dry-run`, definition) as Promise<object>,
      );
    });
}

function addWorkers(command: Add): void {
  listed(command('workers [pool]', 'Workers of a pool, or of all'))
    .addOption(new Option('--state <state>', 'only those in it').choices(workerStates))
    .action(async (pool: string | undefined, options: Options & { state?: string }) => {
      const { listWorkers, ofPools, workerTable } = await import('./lists.js');
      const read = (connection: Connection) =>
        ofPools(connection, pool, (id) =>
          orNearPools(connection, id, () => listWorkers(connection, id, options.state)),
        );
      await list(options, { table: workerTable, topic: topicOf(pool), read });
    });

  shown(command('worker <pool/group/id>', 'One worker')).action(async (name: string, options: Options) => {
    const { workerPath } = await import('./lists.js');
    const path = workerPath(name);
    await one(options, name, null, (connection) => connection.call('GET', path) as Promise<object>);
  });
}

function addPoolLists(command: Add): void {
  listed(command('configs <pool>', 'Launch configs of a pool')).action(async (pool: string, options: Options) => {
    const { configTable } = await import('./lists.js');
    const path = `worker-pool/${pathPart(pool)}/launch-configs`;
    await list(options, {
      table: configTable,
      read: (connection) => orNearPools(connection, pool, () => listAll(connection, path, 'workerPoolLaunchConfigs')),
    });
  });

  listed(command('decisions <pool>', 'What a pool’s reconciliations decided, newest first')).action(
    async (pool: string, options: Options) => {
      const { decisionTable } = await import('./lists.js');
      const { limitOf } = await import('./show.js');
      const limit = limitOf(options.limit ?? '20');
      const path = `worker-pool/${pathPart(pool)}/decisions`;
      await list(options, {
        table: decisionTable,
        topic: topicOf(pool),
        read: (connection) => orNearPools(connection, pool, () => listAll(connection, path, 'decisions', limit)),
      });
    },
  );
  addErrors(command);
}

function addErrors(command: Add): void {
  const by = ['code', 'title', 'config', 'pool'] as const;
  type ErrorOptions = Options & { readonly by?: (typeof by)[number]; readonly since: string };
  listed(command('errors [pool]', 'Errors of a pool, or of all, newest first'))
    .addOption(new Option('--by <what>', 'counts them').choices(by))
    .option('--since <duration>', 'only those of this time, such as 24h', '24h')
    .action(async (pool: string | undefined, options: ErrorOptions) => {
      const { errorGroupTable, errorTable } = await import('./lists.js');
      const { groupsOf, recentErrors } = await import('./errors.js');
      const read = (connection: Connection) => recentErrors(connection, pool, options.since, Date.now());
      const group = options.by;
      if (group === undefined) await list(options, { table: errorTable, read });
      else {
        const counted = async (connection: Connection) => groupsOf(await read(connection), group);
        await list(options, { table: errorGroupTable, read: counted });
      }
    });
}

function addDeploymentLists(command: Add): void {
  listed(command('providers', 'Providers of the configuration')).action(async (options: Options) => {
    const { listProviders, providerTable } = await import('./lists.js');
    await list(options, { table: providerTable, read: listProviders });
  });

  listed(command('holds', 'What is held, by whom and why')).action(async (options: Options) => {
    const { holdTable } = await import('./lists.js');
    await list(options, { table: holdTable, read: (connection) => listAll(connection, 'holds', 'holds') });
  });

  listed(command('audit [pool]', 'Who did what, to a pool or at all, newest first'))
    .option('--who <client>', 'only what this client did')
    .action(async (pool: string | undefined, options: Options & { who?: string }) => {
      const { auditTable, listAudit } = await import('./lists.js');
      const { who } = options;
      const read = async (connection: Connection) =>
        (await listAudit(connection, pool)).filter(({ clientId }) => who === undefined || clientId === who);
      await list(options, { table: auditTable, read });
    });
}

function addExplain(command: Add): void {
  shown(command('explain', 'Why there is, or was, no machine'))
    .addArgument(new Argument('<subject>', 'a pool or task queue (PROJECT/NAME), or a worker (PROJECT/NAME/GROUP/ID)'))
    .option('--at <instant>', 'at this instant: 2026-11-28T12:01:30Z, 12:01:30, or -5m before now')
    .option('--from <instant>', 'shows the causes from this instant on')
    .option('--to <instant>', 'up to this one (default: now)')
    .addHelpText('after', '\nExits with 3 when nobody evaluated the pool then, or nothing is recorded of that time.')
    .action(async (subject: string, options: Options & { at?: string; from?: string; to?: string }) => {
      const { explain, explanationText, isUnanswered } = await import('./explain.js');
      const connection = connectionOf(options);
      let unanswered = false;
      const render = async (output: OutputOptions) => {
        const found = await explain(connection, subject, options, Date.now());
        unanswered = isUnanswered(found);
        return explanationText(found, output);
      };
      // Also time by itself changes why.
      await show({ ...options, headers: true }, { connection, topic: null, render });
      if (unanswered) process.exitCode = EXIT.unanswered;
    });
}
