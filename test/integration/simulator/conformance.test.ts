import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';

const here = new URL('.', import.meta.url);
const page = readFileSync(new URL('../../../simulator/CONFORMANCE.md', here), 'utf8');
const itself = 'conformance.test.ts';

const testNames = readdirSync(here)
  .filter((name) => name.endsWith('.test.ts') && name !== itself)
  .flatMap((name) => [
    ...readFileSync(new URL(name, here), 'utf8').matchAll(/^\s*(?:test(?:RealData)?|\]\))\(\s*'([^']+)'/gm),
  ])
  .map((match) => match[1] ?? '');

const namedInPage = [...page.matchAll(/\| `([^`]+)` *\|$/gm)].map((match) => match[1] ?? '');

test('the conformance page names every test of the simulator, and no test that does not exist', () => {
  expect(testNames.length).toBeGreaterThan(50);
  expect([...namedInPage].sort()).toEqual([...new Set(testNames)].sort());
});
