import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, normalize } from 'node:path';
import { expect, test } from '@jest/globals';

const linked = [...readFileSync('test/README.md', 'utf8').matchAll(/\]\(([^)#]+)\)/g)].map((match) =>
  normalize(join('test', match[1]!)),
);

test('the page on tests names only files that exist', () => {
  expect(linked.filter((file) => !existsSync(file))).toEqual([]);
});

test('the page on tests names every file of test/support', () => {
  const files = readdirSync('test/support', { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
  expect(files.filter((file) => !linked.includes(file))).toEqual([]);
});
