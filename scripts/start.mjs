/** `npm start`: makes sure of Node, the dependencies and the build, then hands over to the launcher. */
import { existsSync } from 'node:fs';
import { ensureInstalled } from './install.mjs';
import { ensureNode, fail, say } from './node.mjs';

await ensureNode();
try {
  await ensureInstalled();
  const { build, isBuilt } = await import('./build.mjs');
  if (!isBuilt()) {
    say('Building (npm run build)');
    await build();
  }
} catch (error) {
  fail(error.message);
}
const launcher = new URL('../dist/launcher/main.js', import.meta.url);
if (!existsSync(launcher)) fail('dist/launcher/main.js is missing: the build did not make it');
await import(launcher.href);
