/** `npm run azure:attested -- FILE`: shows what an attested document of Azure says, and whether we believe it. */
import { ensureInstalled } from '../../scripts/install.mjs';
import { ensureNode } from '../../scripts/node.mjs';

await ensureNode();
await ensureInstalled();
await import('../../scripts/typescript.mjs');
await import('./main.ts');
