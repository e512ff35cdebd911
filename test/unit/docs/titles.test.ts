import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';

/** What `test('…'` and `test.each(…)('…'` are called, with the file of each. */
const titles = readdirSync('test', { recursive: true, withFileTypes: true })
  .filter(({ name }) => name.endsWith('.test.ts'))
  .map(({ parentPath, name }) => join(parentPath, name))
  .flatMap((file) =>
    [
      ...readFileSync(file, 'utf8').matchAll(
        /^\s*(?:test(?:RealData)?(?:\.each\(.*\))?|\](?: as const)?\))\(\s*(['"`])(.+?)\1,/gm,
      ),
    ].map((match) => ({ file, title: match[2]! })),
  );

test('no title of a test leaves its subject to a describe', () => {
  const isHalf = /^(that|which|whose|is|are|was|were|has|have|had|may|can|does|do|and|but)\b/;
  expect(titles.filter(({ title }) => isHalf.test(title))).toEqual([]);
  expect(titles.length).toBeGreaterThan(1_000);
});

test('no title of a test cites the number of a weak point', () => {
  expect(titles.filter(({ title }) => /\(W\d+\)/.test(title))).toEqual([]);
});
