#!/usr/bin/env node
import { Command, CommanderError, Option } from 'commander';
import { ConfigError, loadConfig } from '../config/load.js';
import type { Config } from '../config/schema.js';
import { providerTypes } from '../providers/configured.js';
import { ProviderConfigError } from '../providers/shared/config-error.js';
import { addClientCommands, clientCommand, connectionOf, outputOption } from './client/commands.js';
import type { Form } from './client/output.js';
import { EXIT, ExitError } from './exit.js';
import type { Role } from './product.js';
import { packageVersion } from './version.js';
import { firstLineOf } from '../domain/values.js';

// A command loads what it needs once its configuration is read: the whole product takes a second, which neither help
// nor the first line about a mistake waits for.
const program = new Command('worker-manager')
  .description('Keeps the right number of machines alive for task queues; every worker is one Temporal workflow.')
  .version(packageVersion(), '--version', 'Prints the version')
  .exitOverride();

const command = (name: string, description: string) =>
  program
    .command(name)
    .description(description)
    .option('--config <file>', 'configuration, YAML or JSON (default: $WORKER_MANAGER_CONFIG)');

command('serve', 'Runs the API, the Temporal workers, or both')
  .addOption(
    new Option('--role <role>', 'what to run in this process').choices(['all', 'api', 'worker']).default('all'),
  )
  .action(async (options: { config?: string; role: Role }) => {
    const config = configOf(options);
    const { serve } = await import('./serve.js');
    return serve(config, options.role);
  });

command(
  'check-config',
  'Names everything that is wrong with the configuration and with what it names; changes nothing',
).action(async (options: { config?: string }) => {
  const config = configOf(options);
  const { checkConfig } = await import('./check-config.js');
  return checkConfig(config);
});

command('migrate', 'Applies database migrations').action(async (options: { config?: string }) => {
  const config = configOf(options);
  const { migrateDatabase } = await import('./migrate.js');
  return migrateDatabase(config);
});

clientCommand(program, 'hold', 'Stops launches of a pool or of all pools; everything else goes on')
  .option('--pool <id>', 'one worker pool')
  .option('--all', 'every pool')
  .option('--reason <text>', 'why, for whoever finds it held', 'held on the command line')
  .action(async (options: { url?: string; pool?: string; all?: boolean; reason: string }) => {
    const { hold } = await import('./client/hold.js');
    console.error(await hold(connectionOf(options), options));
  });

clientCommand(program, 'release', 'Ends a hold')
  .option('--pool <id>', 'one worker pool')
  .option('--all', 'the hold of every pool')
  .action(async (options: { url?: string; pool?: string; all?: boolean }) => {
    const { release } = await import('./client/hold.js');
    console.error(await release(connectionOf(options), options));
  });

clientCommand(program, 'end-backoff', 'Ends the backoff of a launch config, which is tried at once')
  .argument('<pool>', 'a worker pool')
  .argument('<config>', 'one of its launch configs, as `configs` lists them')
  .action(async (pool: string, config: string, options: { url?: string }) => {
    const { endBackoff } = await import('./client/hold.js');
    console.error(await endBackoff(connectionOf(options), pool, config));
  });

clientCommand(
  program,
  'sweep',
  'Lists what carries this deployment’s tag and belongs to nobody, or removes what the fuse holds back',
)
  .option('--dry-run', 'lists, and touches nothing')
  .option('--confirm <n>', 'lets one run past the fuse, to remove at most so many')
  .addOption(outputOption())
  .option('--no-headers', 'leaves out the titles of columns')
  .action(async (options: { url?: string; dryRun?: boolean; confirm?: string; output: Form; headers: boolean }) => {
    const { sweep } = await import('./client/sweep.js');
    return sweep(connectionOf(options), options);
  });

addClientCommands(program);

function configOf({ config }: { config?: string }): Config {
  const path = config ?? process.env.WORKER_MANAGER_CONFIG;
  if (!path) throw new ExitError(EXIT.bad, 'no configuration: give --config FILE or set WORKER_MANAGER_CONFIG');
  return loadConfig(path, providerTypes, process.env);
}

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? EXIT.stopped : EXIT.bad;
  else if (error instanceof ConfigError) {
    for (const problem of error.problems) console.error(`worker-manager: ${problem}`);
    process.exitCode = EXIT.bad;
  } else if (error instanceof ProviderConfigError) {
    console.error(`worker-manager: ${error.key}: ${error.message}`);
    process.exitCode = EXIT.bad;
  } else if (error instanceof ExitError) {
    for (const line of error.message.split('\n')) console.error(`worker-manager: ${line}`);
    process.exitCode = error.code;
  } else if ((await import('./outage.js')).isOutage(error)) {
    console.error(`worker-manager: the database or Temporal stopped answering: ${firstLineOf(error)}`);
    process.exitCode = EXIT.unreachable;
  } else {
    // Unforeseen: the stack helps to find the cause.
    console.error(error);
    // Last, because `npm start` shows the last line.
    console.error(`worker-manager: failed: ${firstLineOf(error)}`);
    process.exitCode = EXIT.bad;
  }
}
// Nothing is left to do; a library's open handle must not keep the process.
process.exit();
