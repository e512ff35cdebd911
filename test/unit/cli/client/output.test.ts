import { expect, test } from '@jest/globals';
import { age, type OutputOptions, type Table, textOf, textOfOne } from '../../../../cli/client/output.js';
import { ExitError } from '../../../../cli/exit.js';

interface Row {
  readonly name: string;
  readonly machines: number;
  readonly owner: string | null;
}

const table: Table<Row> = {
  nameOf: ({ name }) => name,
  columns: [
    { title: 'NAME', of: ({ name }) => name },
    { title: 'MACHINES', of: ({ machines }) => machines },
    { title: 'OWNER', wide: true, of: ({ owner }) => owner },
  ],
};
const rows: Row[] = [
  { name: 'proj/windows', machines: 7, owner: 'a@example.com' },
  { name: 'proj/mac', machines: 41, owner: null },
];
const options: OutputOptions = { output: 'table', headers: true };

test('a table has a title above each column, numbers to the right, and only what its form shows', () => {
  expect(textOf(rows, table, options)).toBe(
    ['NAME          MACHINES', 'proj/windows         7', 'proj/mac            41', ''].join('\n'),
  );
  expect(textOf(rows, table, { ...options, output: 'wide', headers: false })).toBe(
    ['proj/windows   7  a@example.com', 'proj/mac      41  –', ''].join('\n'),
  );
});

test('rows are ordered by a column and cut, the largest numbers first', () => {
  expect(textOf(rows, table, { ...options, output: 'name', sortBy: 'machines' })).toBe('proj/mac\nproj/windows\n');
  expect(textOf(rows, table, { ...options, output: 'name', sortBy: 'Name', limit: 1 })).toBe('proj/mac\n');
  expect(() => textOf(rows, table, { ...options, sortBy: 'size' })).toThrow(
    new ExitError(1, '--sort-by: one of name, machines, owner'),
  );
});

test('rows as JSON and YAML are whole', () => {
  expect(JSON.parse(textOf(rows, table, { ...options, output: 'json' }))).toEqual(rows);
  expect(textOf(rows, table, { ...options, output: 'yaml' })).toContain('- name: proj/mac\n  machines: 41\n');
});

test('one thing is shown field by field, or by its name', () => {
  expect(textOfOne(rows[0]!, 'proj/windows', 'table')).toContain('machines: 7\n');
  expect(textOfOne(rows[0]!, 'proj/windows', 'name')).toBe('proj/windows\n');
});

test('a table keeps control characters of names from the terminal', () => {
  const evil = [{ name: 'a\u001B[2Jb\nc', machines: 1, owner: null }];
  expect(textOf(evil, table, { ...options, headers: false })).toBe('a[2Jb c  1\n');
});

test.each([
  [0, '0s'],
  [12_000, '12s'],
  [130_000, '2m10s'],
  [3_600_000, '1h'],
  [90_061_000, '1d1h'],
  [-5_000, '0s'],
])('an age of %d ms is %s', (ms, text) => {
  const now = Date.parse('2026-11-28T12:00:00Z');
  expect(age(new Date(now - ms).toISOString(), now)).toBe(text);
});
