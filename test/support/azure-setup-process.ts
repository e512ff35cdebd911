import { azureAt } from './azure-harness.js';

/** Sets an Azure provider up, at the endpoint and with the configuration in its arguments; prints what came of it. */
const [endpoint = '', config = '{}'] = process.argv.slice(2);
try {
  await azureAt(endpoint, JSON.parse(config) as object).provider.setup();
  process.stdout.write('ok\n');
} catch (error) {
  const { code, message } = error as { code?: string; message: string };
  process.stdout.write(`${code}: ${message}\n`);
}
