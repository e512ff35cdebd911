/** Gets the servers that tests need into the cache, ahead of the tests: CI lets this run beside the checks. */
import { ensureNode, say } from '../../scripts/node.mjs';

await ensureNode();
await import('../../scripts/typescript.mjs');
const { findTemporalCli } = await import('../servers/temporal-cli.ts');
const { findTestServer } = await import('./test-server.ts');
await Promise.all([findTestServer(say), findTemporalCli(say)]);
