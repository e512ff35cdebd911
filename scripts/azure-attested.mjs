/** `npm run azure:attested -- FILE`: shows what an attested document of Azure says, and whether we believe it. */
import { ensureInstalled } from './install.mjs';
import { ensureNode } from './node.mjs';

await ensureNode();
await ensureInstalled();
await import('./typescript.mjs');
await import('../commands/azure-attested.ts');
