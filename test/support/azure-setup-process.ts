import { providersOf } from '../../providers/configured.js';
import { azureAt } from './azure-harness.js';

/**
 * Sets an Azure provider up in a registry, with the endpoint and configuration of its arguments, and prints its health.
 * Where that is bad, it makes the provider's secret the right one at the simulator of the third argument, and tries
 * again.
 */
const [endpoint = '', text = '{}', simulator = ''] = process.argv.slice(2);
const config = JSON.parse(text) as { secret: string };
const { provider } = azureAt(endpoint, config);
const registry = providersOf([provider]);

async function setUp(): Promise<string> {
  await registry.setup();
  const { state, message } = registry.state(provider.providerId);
  process.stdout.write(`${state}${message === null ? '' : `: ${message}`}\n`);
  return state;
}

if ((await setUp()) !== 'ok') {
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify({ secret: config.secret });
  await fetch(`${simulator}/simulator/azure/client-secret`, { method: 'POST', headers, body });
  await setUp();
}
