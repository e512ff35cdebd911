import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { getEnvironmentData, setEnvironmentData } from 'node:worker_threads';
import { withLock } from '#scripts/lock.mjs';
import { cacheDir, projectRoot } from '#scripts/node.mjs';

/** Node's types leave it to the browser's. */
declare const WebAssembly: { readonly Module: new (program: Uint8Array) => object };

/** Where global set-up tells the test files which directory is the template. */
const TEMPLATE = 'TEST_PGLITE_TEMPLATE';

/**
 * Makes the embedded database that `copyPglite` copies: each run migrates a copy of the empty one in the cache. To make
 * an empty one takes seconds of computing, and to migrate it a third of what opening it takes.
 */
export async function makePgliteTemplate(): Promise<{ stop(): Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), 'worker-manager-pglite-'));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  try {
    cpSync(await findEmptyPglite(), join(folder, 'data'), { recursive: true });
    const { sql } = await import('kysely');
    const { openDatabase } = await import('../../database/client/open.js');
    const database = await openDatabase({ url: `pglite:${folder}` });
    // Whoever opens a copy makes an id and a key of its own.
    await database.db.deleteFrom('deployment').execute();
    const { rows: unused } = await sql<{ oid: number }>`
      select oid from pg_database where datname <> current_database()`.execute(database.db);
    await database.close();
    // Nobody connects to them, and they are two of three files to copy.
    for (const { oid } of unused) rmSync(join(folder, 'data', 'base', String(oid)), { recursive: true });
  } catch (error) {
    remove();
    throw error;
  }
  process.env[TEMPLATE] = folder;
  return { stop: async () => remove() };
}

/** The data directory, in the cache, of a database that nobody ever opened with this version of PGlite. */
async function findEmptyPglite(): Promise<string> {
  const { dependencies } = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8'));
  const kept = join(cacheDir(), `pglite-${dependencies['@electric-sql/pglite']}`);
  return await withLock(`${kept}.lock`, async () => {
    if (existsSync(kept)) return kept;
    mkdirSync(cacheDir(), { recursive: true });
    const scratch = mkdtempSync(join(cacheDir(), 'partial-'));
    try {
      const { PGlite } = await import('@electric-sql/pglite');
      const created = await PGlite.create(join(scratch, 'data'));
      await created.close();
      renameSync(join(scratch, 'data'), kept);
      return kept;
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
  });
}

/** Makes the directory of an embedded database with all migrations, which has not been opened yet. */
export function copyPglite(directory: string): void {
  const template = process.env[TEMPLATE];
  if (!template) throw new Error('no embedded database in this test run: only integration and end-to-end have one');
  keepCompiled();
  cpSync(template, directory, { recursive: true });
}

/**
 * Node compiles a program once as long as somebody in its process has it. A database's thread ends with its test file,
 * and the next file's would compile for a second again: threads' common data outlives the files.
 */
function keepCompiled(): void {
  const name = 'the embedded database, compiled';
  if (getEnvironmentData(name) !== undefined) return;
  const main = createRequire(import.meta.url).resolve('@electric-sql/pglite');
  setEnvironmentData(name, new WebAssembly.Module(readFileSync(join(dirname(main), 'pglite.wasm'))));
}
