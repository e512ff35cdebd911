/** Global set-up of the integration and end-to-end tests: dist/ and the servers that they share. */
import { build } from '../../scripts/build.mjs';
import '../../scripts/typescript.mjs';

export default async function setUp({ maxWorkers }) {
  await build({ typeErrors: 'report' });
  const { startServices } = await import('../../dev/testing/services.ts');
  globalThis.sharedServices = await startServices(maxWorkers);
}
