import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, extname, join } from 'node:path';
import { brotliCompressSync } from 'node:zlib';
import { projectRoot } from './node.mjs';

const source = join(projectRoot, 'dashboard');
const target = join(projectRoot, 'dist', 'dashboard');
const entries = ['main.tsx', 'style.css', 'icon.svg'];

/**
 * Makes dist/dashboard/: script, style and icon under names that change with their content, each with its compressed
 * form beside it, and the page that names them. No source maps: they would be larger than all the rest.
 */
export async function bundleDashboard() {
  const { build } = await import('esbuild');
  const { outputFiles, metafile } = await build({
    entryPoints: entries.map((name) => join(source, name)),
    outdir: target,
    absWorkingDir: projectRoot,
    bundle: true,
    minify: true,
    // What only some pages need is loaded by these.
    splitting: true,
    format: 'esm',
    target: 'es2024',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    loader: { '.svg': 'copy' },
    entryNames: '[name]-[hash]',
    chunkNames: '[name]-[hash]',
    assetNames: '[name]-[hash]',
    legalComments: 'none',
    metafile: true,
    write: false,
    logLevel: 'warning',
  });
  mkdirSync(target, { recursive: true });
  for (const name of readdirSync(target)) rmSync(join(target, name), { recursive: true });
  for (const { path, contents } of outputFiles) {
    writeFileSync(join(target, basename(path)), contents);
    writeFileSync(join(target, `${basename(path)}.br`), brotliCompressSync(contents));
  }
  writeFileSync(join(target, 'index.html'), page(metafile));
}

/** The page, with each entry's name as it was written. */
function page({ outputs }) {
  const names = Object.entries(outputs).map(([path, { entryPoint }]) => [
    entryPoint && basename(entryPoint),
    basename(path),
  ]);
  const nameOf = (entry) => names.find(([from, name]) => from === entry && extname(name) !== '.map')?.[1];
  const html = readFileSync(join(source, 'page.html'), 'utf8');
  return html.replace(/\/assets\/(\w+)\.(\w+)/g, (_, name, kind) => {
    const written = nameOf(kind === 'js' ? `${name}.tsx` : `${name}.${kind}`);
    if (!written) throw new Error(`dashboard/page.html names ${name}.${kind}, which the bundle does not have`);
    return `/assets/${written}`;
  });
}
