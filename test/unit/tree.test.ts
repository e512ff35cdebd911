import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { describe, expect, test } from '@jest/globals';

/** Made here, and no part of a clone. */
const MADE = ['dist', 'node_modules'];
const folders = readdirSync('.', { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.') && !MADE.includes(entry.name))
  .map(({ name }) => name);

const files = folders.flatMap((folder) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.m?ts$|\.tsx$|\.mjs$/.test(path))
    .map((path) => join(folder, path)),
);

/** Imports of any kind, by relative path or as `#scripts/…`. */
const SPECIFIER = /(?:\bfrom\s*|\bimport\s*\(\s*|^\s*import\s+)['"]((?:\.{1,2}\/|#scripts\/)[^'"]+)['"]/gm;

/** `a > b` for each top folder `a` that imports something of `b`. */
const imports = new Set(
  files.flatMap((file) => {
    const [from = ''] = file.split('/');
    return [...readFileSync(file, 'utf8').matchAll(SPECIFIER)]
      .map(([, name = '']) => (name.startsWith('#') ? name.slice(1) : posix.join(posix.dirname(file), name)))
      .map((path) => path.split('/')[0] ?? '')
      .filter((to) => to !== from && folders.includes(to))
      .map((to) => `${from} > ${to}`);
  }),
);

describe('the tree of folders', () => {
  test('the tree has at most 19 folders at the top', () => {
    expect(folders.length).toBeLessThanOrEqual(19);
  });

  test('the tree has no two top folders that import each other', () => {
    expect(imports.size).toBeGreaterThan(30);
    expect([...imports].filter((each) => imports.has(each.split(' > ').toReversed().join(' > ')))).toEqual([]);
  });

  test('scripts/ imports nothing from another folder', () => {
    expect([...imports].filter((each) => each.startsWith('scripts > '))).toEqual([]);
  });
});
