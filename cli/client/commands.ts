import { Argument, type Command, Option } from 'commander';
import { workerStates } from '../../domain/worker.js';
import { EXIT, ExitError } from '../exit.js';
import { connect, type Connection, listAll, pathPart } from './connection.js';
import { forms, type Table, textOf, textOfOne } from './output.js';
import type { AuditRow } from './lists.js';
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
  addWorkers(command);
  addPoolLists(command);
  addDeploymentLists(command);
  addExplain(command);
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

const shown = (command: Command): Command =>
  command
    .addOption(new Option('-o, --output <form>', 'form of the data').choices(forms).default('table'))
    .option('-w, --watch', 'shows it again as it changes');

const listed = (command: Command): Command =>
  shown(command)
    .option('--no-headers', 'leaves out the titles of columns')
    .option('--sort-by <column>', 'orders by a column, by its title')
    .option('--limit <n>', 'most rows to show');

/** The rows that `read` gives, as a table of theirs. */
const list = <Row>(
  options: Options,
  table: (nowMs: number) => Table<Row>,
  read: (connection: Connection) => Promise<Row[]>,
): Promise<void> => {
  const connection = connectionOf(options);
  return show(options, async (output) => textOf(await read(connection), table(Date.now()), output));
};

function addPools(command: Add): void {
  listed(command('pools', 'Worker pools'))
    .option('--why [cause]', 'explains each pool, or shows those with this cause; one call for each')
    .action(async (options: Options & { why?: string | true }) => {
      const { poolTable } = await import('./lists.js');
      const { explainedPools } = await import('./explained-pools.js');
      const cause = options.why;
      await list(options, poolTable(cause !== undefined), (connection) => explainedPools(connection, cause));
    });

  shown(command('pool <id>', 'One worker pool')).action(async (id: string, options: Options) => {
    const connection = connectionOf(options);
    const read = () => connection.call('GET', `worker-pool/${pathPart(id)}`) as Promise<object>;
    await show({ ...options, headers: true }, async ({ output }) =>
      textOfOne(await orNearPools(connection, id, read), id, output),
    );
  });
}

function addWorkers(command: Add): void {
  listed(command('workers [pool]', 'Workers of a pool, or of all'))
    .addOption(new Option('--state <state>', 'only those in it').choices(workerStates))
    .action(async (pool: string | undefined, options: Options & { state?: string }) => {
      const { listWorkers, ofPools, workerTable } = await import('./lists.js');
      await list(options, workerTable, (connection) =>
        ofPools(connection, pool, (id) =>
          orNearPools(connection, id, () => listWorkers(connection, id, options.state)),
        ),
      );
    });

  shown(command('worker <pool/group/id>', 'One worker')).action(async (name: string, options: Options) => {
    const [provisioner, pool, group, id, ...rest] = name.split('/');
    if (!provisioner || !pool || !group || !id || rest.length > 0) {
      throw new ExitError(EXIT.bad, `${name}: give PROJECT/NAME/GROUP/ID`);
    }
    const connection = connectionOf(options);
    const path = `workers/${pathPart(`${provisioner}/${pool}`)}/${pathPart(group)}/${pathPart(id)}`;
    await show({ ...options, headers: true }, async ({ output }) =>
      textOfOne((await connection.call('GET', path)) as object, name, output),
    );
  });
}

function addPoolLists(command: Add): void {
  listed(command('configs <pool>', 'Launch configs of a pool')).action(async (pool: string, options: Options) => {
    const { configTable } = await import('./lists.js');
    await list(options, configTable, (connection) =>
      orNearPools(connection, pool, () =>
        listAll(connection, `worker-pool/${pathPart(pool)}/launch-configs`, 'workerPoolLaunchConfigs'),
      ),
    );
  });

  listed(command('decisions <pool>', 'What a pool’s reconciliations decided, newest first')).action(
    async (pool: string, options: Options) => {
      const { decisionTable } = await import('./lists.js');
      const { limitOf } = await import('./show.js');
      const limit = limitOf(options.limit ?? '20');
      await list(options, decisionTable, (connection) =>
        orNearPools(connection, pool, () =>
          listAll(connection, `worker-pool/${pathPart(pool)}/decisions`, 'decisions', limit),
        ),
      );
    },
  );

  listed(command('errors [pool]', 'Errors of a pool, or of all, newest first'))
    .addOption(new Option('--by <what>', 'counts them').choices(['code', 'title', 'config', 'pool']))
    .option('--since <duration>', 'only those of this time, such as 24h', '24h')
    .action(
      async (
        pool: string | undefined,
        options: Options & { by?: 'code' | 'title' | 'config' | 'pool'; since: string },
      ) => {
        const { errorGroupTable, errorTable } = await import('./lists.js');
        const { groupsOf, recentErrors } = await import('./errors.js');
        const read = (connection: Connection) => recentErrors(connection, pool, options.since, Date.now());
        const { by } = options;
        if (by === undefined) await list(options, errorTable, read);
        else await list(options, errorGroupTable, async (connection) => groupsOf(await read(connection), by));
      },
    );
}

function addDeploymentLists(command: Add): void {
  listed(command('providers', 'Providers of the configuration')).action(async (options: Options) => {
    const { providerTable } = await import('./lists.js');
    await list(options, providerTable, (connection) => listAll(connection, 'providers', 'providers'));
  });

  listed(command('holds', 'What is held, by whom and why')).action(async (options: Options) => {
    const { holdTable } = await import('./lists.js');
    await list(options, holdTable, (connection) => listAll(connection, 'holds', 'holds'));
  });

  listed(command('audit [pool]', 'Who changed what, newest first'))
    .option('--who <client>', 'only what this client did')
    .action(async (pool: string | undefined, options: Options & { who?: string }) => {
      const { auditTable, ofPools } = await import('./lists.js');
      await list(options, auditTable, async (connection) => {
        const rows = await ofPools(connection, pool, (id) =>
          listAll<AuditRow>(connection, `audit/worker-pool/${pathPart(id)}`, 'auditHistory'),
        );
        return rows
          .filter(({ clientId }) => options.who === undefined || clientId === options.who)
          .sort((a, b) => (a.created < b.created ? 1 : -1));
      });
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
      await show({ ...options, headers: true }, async (output) => {
        const found = await explain(connection, subject, options, Date.now());
        unanswered = isUnanswered(found);
        return explanationText(found, output);
      });
      if (unanswered) process.exitCode = EXIT.unanswered;
    });
}
