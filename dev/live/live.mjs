/**
 * `npm run test:live`: the contract of the providers against the real clouds, with your own credentials. It costs a
 * little.
 */
import { ensureInstalled } from '../../scripts/install.mjs';
import { ensureNode } from '../../scripts/node.mjs';

await ensureNode();
await ensureInstalled();
await import('../../scripts/typescript.mjs');
await import('./main.ts');
