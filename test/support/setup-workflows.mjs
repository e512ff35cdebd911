/** Global set-up of the workflow tests: the bundle of the workflows, and the time-skipping server on this machine. */
import { bundleWorkflows } from '../../scripts/bundle-workflows.mjs';
import '../../scripts/typescript.mjs';

export default async function setUp() {
  const { findTestServer } = await import('../../dev/testing/test-server.ts');
  await findTestServer((line) => process.stderr.write(`${line}\n`));
  await bundleWorkflows();
}
