/** `npm run bench`: makes sure of Node, the dependencies and the build, then measures. */
import { ensureInstalled } from './install.mjs';
import { ensureNode } from './node.mjs';

await ensureNode();
await ensureInstalled();
const { build } = await import('./build.mjs');
await build();
await import('./typescript.mjs');
await import('../bench/main.ts');
