/** `npm run demo -- <command>`: things to do to a running `npm start`. */
import { existsSync } from 'node:fs';
import { ensureNode, fail } from '../../scripts/node.mjs';

await ensureNode();
const demo = new URL('../../dist/dev/start/demo.js', import.meta.url);
if (!existsSync(demo)) fail('Nothing is built yet: run npm start first, and this in another terminal');
await import(demo.href);
