import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { configKeys } from '../../../config/keys.js';
import { providerTypes } from '../../../providers/configured.js';

const row = ({ path, default: value, description }: ReturnType<typeof configKeys>[number]): string =>
  `| \`${path}\` | ${value} | ${description} |`;

test('the reference page lists every key with its default and meaning, and no other', () => {
  const page = readFileSync('docs/reference/configuration.md', 'utf8');
  const rows = page.split('\n').filter((line) => line.startsWith('| `'));
  // The formatter fills cells up with blanks.
  expect(rows.map((line) => line.replace(/ +/g, ' '))).toEqual(configKeys(providerTypes).map(row));
});
