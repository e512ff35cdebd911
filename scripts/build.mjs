/**
 * `npm run build`: compiles to dist/, copies what is not TypeScript (migrations, data), bundles the workflows and the
 * dashboard, and removes what has no source any more. Each step does nothing when nothing changed.
 */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, extname, join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { bundleDashboard } from './bundle-dashboard.mjs';
import { bundleWorkflows } from './bundle-workflows.mjs';
import { withLock } from './lock.mjs';
import { ensureNode, fail, projectRoot, run, say } from './node.mjs';

const dist = join(projectRoot, 'dist');
const stamp = join(dist, '.built');
const tsc = join(projectRoot, 'node_modules', 'typescript', 'bin', 'tsc');
const assetKinds = new Set(['.sql', '.html', '.css', '.json']);
const notSource = new Set(['node_modules', 'dist', 'test', 'scripts', 'docs', 'deploy', 'bin']);
/** Run from their sources. */
const notBuilt = ['acceptance', 'azure-attested', 'bench', 'chaos', 'examples', 'testing'].map((name) =>
  join('dev', name, '/'),
);

/** Whether dist/ was made, without type errors, of just these sources. */
export const isBuilt = () => existsSync(stamp) && readFileSync(stamp, 'utf8') === fingerprint();

/**
 * @param {{ typeErrors?: 'fail' | 'report' }} [options] `report` builds in spite of type errors, after printing them:
 *   tests run what was compiled, and the type check is a stage of its own.
 */
export async function build({ typeErrors = 'fail' } = {}) {
  await withLock(join(dist, '.build.lock'), async () => {
    if (isBuilt()) return;
    const inputs = fingerprint();
    const types = await run(process.execPath, [tsc, '-p', 'tsconfig.build.json'], {
      cwd: projectRoot,
      stdio: 'inherit',
    });
    if (types.code !== 0 && typeErrors === 'fail') throw new Error('the build found type errors');
    const sources = sourceFiles();
    removeLeftovers(new Set(sources.filter((path) => !isDashboard(path))));
    for (const path of sources.filter(isAsset)) copyAsset(path);
    await bundleDashboard();
    await bundleWorkflows();
    if (types.code === 0) writeFileSync(stamp, inputs);
  });
}

/** Names, sizes and times of all that a build depends on. */
function fingerprint() {
  const inputs = ['package-lock.json', 'tsconfig.json', 'tsconfig.build.json', ...sourceFiles()];
  return inputs
    .map((path) => {
      const { size, mtimeMs } = statSync(join(projectRoot, path));
      return `${path} ${size} ${mtimeMs}\n`;
    })
    .join('');
}

/** The dashboard is bundled as a whole. */
const isDashboard = (path) => path.startsWith(join('dashboard', '/'));
const isAsset = (path) => assetKinds.has(extname(path)) && !isDashboard(path);

function sourceFiles() {
  const folders = readdirSync(projectRoot, { withFileTypes: true }).filter(
    (entry) => entry.isDirectory() && !entry.name.startsWith('.') && !notSource.has(entry.name),
  );
  return folders.flatMap(({ name }) =>
    filesIn(join(projectRoot, name)).filter(
      (path) =>
        (isAsset(path) || isDashboard(path) || path.endsWith('.ts')) &&
        !notBuilt.some((folder) => path.startsWith(folder)),
    ),
  );
}

/** Paths of all files under a folder, relative to the project. */
function filesIn(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(projectRoot, join(entry.parentPath, entry.name)));
}

function copyAsset(path) {
  mkdirSync(dirname(join(dist, path)), { recursive: true });
  copyFileSync(join(projectRoot, path), join(dist, path));
}

/** A migration or module that was renamed must not live on in dist/. */
function removeLeftovers(sources) {
  for (const path of filesIn(dist)) {
    const source = relative('dist', path);
    const isOwn = !source.includes('/') && !source.includes('\\');
    if (!isOwn && !sources.has(source) && !sources.has(source.replace(/\.js(\.map)?$/, '.ts'))) {
      rmSync(join(projectRoot, path));
    }
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await ensureNode();
  const started = Date.now();
  try {
    await build();
    say(`Built dist/ in ${((Date.now() - started) / 1000).toFixed(1)} s`);
  } catch (error) {
    fail(error.message);
  }
}
