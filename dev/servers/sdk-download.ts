/**
 * Lets the SDK download a server into a folder: `node sdk-download.js dev-server <version> <folder>`, or
 * `time-skipping`. The SDK only offers this as a part of starting that server, so it is started and stopped. A process
 * of its own, because the SDK's download has no time limit, and because it takes the one Temporal runtime that a
 * process may have.
 */
import { TestWorkflowEnvironment } from '@temporalio/testing';

const [kind, version, downloadDir] = process.argv.slice(2);
if (!version || !downloadDir) throw new Error('usage: sdk-download <kind> <version> <folder>');
const server = { executable: { type: 'cached-download', version, downloadDir } } as const;
try {
  const environment =
    kind === 'dev-server'
      ? await TestWorkflowEnvironment.createLocal({ server })
      : await TestWorkflowEnvironment.createTimeSkipping({ server });
  await environment.teardown();
} catch (error) {
  // Errors of the native part tell their story in a chain of causes, some on several lines.
  process.stderr.write(`${String(error instanceof Error ? error.message : error).replaceAll(/\s+/g, ' ')}\n`);
  process.exitCode = 1;
}
