/** `npm start`: makes sure of Node, the dependencies and the build, then loads the launcher. */
import { existsSync } from 'node:fs';
import { ensureInstalled } from '../../scripts/install.mjs';
import { ensureNode, fail, say } from '../../scripts/node.mjs';

if (process.env.npm_lifecycle_event) endWithParent();
await ensureNode();
try {
  await ensureInstalled();
  const { build, isBuilt } = await import('../../scripts/build.mjs');
  if (!isBuilt()) {
    say('Building (npm run build)');
    await build();
  }
} catch (error) {
  fail(error.message);
}
const launcher = new URL('../../dist/dev/start/main.js', import.meta.url);
if (!existsSync(launcher)) fail('dist/dev/start/main.js is missing: the build did not make it');
await import(launcher.href);

/** A signal to npm ends only the shell that npm put between itself and this process. */
function endWithParent() {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    process.kill(process.pid, 'SIGTERM');
  }, 500);
  timer.unref();
}
