/** Gets the servers that tests need into the cache, ahead of the tests: CI lets this run beside the checks. */
import { ensureNode, say } from './node.mjs';

await ensureNode();
await import('./typescript.mjs');
const { findTemporalCli } = await import('../launcher/temporal-cli.ts');
const { findTestServer } = await import('../test/support/test-server.ts');
await Promise.all([findTestServer(say), findTemporalCli(say)]);
