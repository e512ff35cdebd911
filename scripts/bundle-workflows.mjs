import { existsSync, mkdirSync, readdirSync, renameSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot, say } from './node.mjs';

const entry = join(projectRoot, 'workflows', 'index.ts');
/** Loaded once for all workflows of a process, not anew for each: none of these modules keeps anything. */
const preloadModules = [join(projectRoot, 'workflows', 'stack-traces.ts'), entry];
export const bundlePath = join(projectRoot, 'dist', 'workflow-bundle.js');
/** What workflow code may import; a lint rule holds it. */
const ingredients = ['workflows', 'domain', 'temporal'];

/** Makes dist/workflow-bundle.js, which Temporal workers load instead of bundling at every start. */
export async function bundleWorkflows() {
  if (!existsSync(entry)) {
    say('No workflow bundle: workflows/index.ts does not exist');
    return;
  }
  if (existsSync(bundlePath) && newestIngredient() <= statSync(bundlePath).mtimeMs) return;
  const { bundleWorkflowCode } = await import('@temporalio/worker');
  const quiet = () => {};
  const logger = { trace: quiet, debug: quiet, info: quiet, warn: say, error: say, log: quiet };
  const started = new Date();
  const { code } = await bundleWorkflowCode({ workflowsPath: entry, preloadModules, logger });
  mkdirSync(join(projectRoot, 'dist'), { recursive: true });
  const draft = `${bundlePath}.${process.pid}`;
  writeFileSync(draft, code);
  // As old as what it was made from: a source that was changed meanwhile is newer.
  utimesSync(draft, started, started);
  renameSync(draft, bundlePath);
  say(`Bundled the workflows in ${((Date.now() - started.getTime()) / 1000).toFixed(1)} s`);
}

function newestIngredient() {
  const files = ingredients.flatMap((folder) =>
    readdirSync(join(projectRoot, folder), { recursive: true }).map((name) => join(projectRoot, folder, name)),
  );
  return Math.max(...[...files, join(projectRoot, 'package-lock.json')].map((path) => statSync(path).mtimeMs));
}
