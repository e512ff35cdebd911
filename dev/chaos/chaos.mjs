/** `npm run chaos`: makes sure of Node, the dependencies and the build, then runs. */
import { ensureInstalled } from '../../scripts/install.mjs';
import { ensureNode } from '../../scripts/node.mjs';

await ensureNode();
await ensureInstalled();
const { build } = await import('../../scripts/build.mjs');
await build();
await import('../../scripts/typescript.mjs');
await import('./main.ts');
