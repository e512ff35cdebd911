import { existsSync, readFileSync } from 'node:fs';

/** Pages whose tables name, in each row, the tests that show what it says. */

interface TableRow {
  readonly id: string;
  /** Trimmed; the first is the id. */
  readonly cells: readonly string[];
}

/** The rows of a page's tables whose first cell is such an id. */
export const tableRows = (page: string, id: RegExp): TableRow[] =>
  page
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    )
    .map((cells) => ({ id: cells[0] ?? '', cells }))
    .filter((row) => id.test(row.id));

const quoted = (text: string) => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** Whether a file has `test('name'` or `test.each(…)('name'`. */
export const hasTest = (path: string, name: string): boolean =>
  existsSync(path) &&
  new RegExp(`(?:\\btest(?:\\.only)?|\\))\\(\\s*(['"\`])${quoted(name)}\\1\\s*,`).test(readFileSync(path, 'utf8'));
