import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';

/** Where global set-up tells the test files which directory is the template. */
const TEMPLATE = 'TEST_PGLITE_TEMPLATE';

/**
 * To make an empty embedded database takes seconds of computing, to copy it a tenth of one: each test run makes one,
 * which `copyPglite` copies. Nothing has been migrated in it.
 */
export async function makePgliteTemplate(): Promise<{ stop(): Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), 'worker-manager-pglite-'));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  try {
    const created = await PGlite.create(join(folder, 'data'));
    await created.close();
  } catch (error) {
    remove();
    throw error;
  }
  process.env[TEMPLATE] = folder;
  return { stop: async () => remove() };
}

/** Makes the directory of an embedded, empty database. */
export function copyPglite(directory: string): void {
  const template = process.env[TEMPLATE];
  if (!template) throw new Error('no embedded database in this test run: only integration and end-to-end have one');
  cpSync(template, directory, { recursive: true });
}
