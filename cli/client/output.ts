import { styleText } from 'node:util';
import { stringify } from 'yaml';
import { EXIT, ExitError } from '../exit.js';

/** Data goes to stdout in one of these forms; words go to stderr. */
export const forms = ['table', 'wide', 'json', 'yaml', 'name'] as const;
export type Form = (typeof forms)[number];

export interface OutputOptions {
  readonly output: Form;
  readonly headers: boolean;
  readonly sortBy?: string;
  readonly limit?: number;
}

export type Cell = string | number | null | undefined;

export interface Column<Row> {
  readonly title: string;
  readonly of: (row: Row) => Cell;
  /** Only of wide tables. */
  readonly wide?: boolean;
}

export interface Table<Row> {
  readonly columns: readonly Column<Row>[];
  /** What other commands take as the row's name. */
  readonly nameOf: (row: Row) => string;
}

/** The text of rows; ids are never cut. */
export function textOf<Row>(rows: readonly Row[], table: Table<Row>, options: OutputOptions): string {
  const ordered = sorted(rows, table, options.sortBy).slice(0, options.limit);
  switch (options.output) {
    case 'json':
      return `${JSON.stringify(ordered, null, 2)}\n`;
    case 'yaml':
      return stringify(ordered);
    case 'name':
      return ordered.map((row) => `${table.nameOf(row)}\n`).join('');
    case 'table':
    case 'wide':
      return tableOf(ordered, table, options);
  }
}

/** One thing: its fields, one a line. */
export function textOfOne<Row extends object>(row: Row, name: string, form: Form): string {
  switch (form) {
    case 'json':
      return `${JSON.stringify(row, null, 2)}\n`;
    case 'name':
      return `${name}\n`;
    case 'yaml':
    case 'table':
    case 'wide':
      return stringify(row);
  }
}

function sorted<Row>(rows: readonly Row[], { columns }: Table<Row>, sortBy: string | undefined): readonly Row[] {
  if (sortBy === undefined) return rows;
  const column = columns.find(({ title }) => title.toLowerCase() === sortBy.toLowerCase());
  if (!column) {
    const titles = columns.map(({ title }) => title.toLowerCase()).join(', ');
    throw new ExitError(EXIT.bad, `--sort-by: one of ${titles}`);
  }
  return rows.toSorted((a, b) => compare(column.of(a), column.of(b)));
}

/** The largest numbers first; texts as in a dictionary. */
export const compare = (a: Cell, b: Cell): number =>
  typeof a === 'number' && typeof b === 'number' ? b - a : plain(a) < plain(b) ? -1 : plain(a) > plain(b) ? 1 : 0;

function tableOf<Row>(rows: readonly Row[], { columns }: Table<Row>, { output, headers }: OutputOptions): string {
  const shown = columns.filter(({ wide }) => output === 'wide' || !wide);
  const cells = rows.map((row) => shown.map(({ of }) => of(row)));
  const titles = shown.map(({ title }) => title);
  const [head, ...lines] = aligned(titles, cells, headers);
  // styleText heeds NO_COLOR, and that nobody looks.
  const all = headers ? [styleText('bold', head!, { stream: process.stdout }), ...lines] : lines;
  return all.map((line) => `${line}\n`).join('');
}

/** Cells below each other, numbers to the right; the titles first, which take room only where they are shown. */
export function aligned(titles: readonly string[], cells: readonly (readonly Cell[])[], headers = true): string[] {
  const lines = [titles, ...cells.map((line) => line.map(plain))];
  const measured = headers ? lines : lines.slice(1);
  const columns = titles.map((_, index) => ({
    width: Math.max(0, ...measured.map((line) => line[index]!.length)),
    isNumber: cells.length > 0 && cells.every((line) => typeof line[index] === 'number'),
  }));
  return lines.map((line) =>
    columns
      .map(({ width, isNumber }, index) => (isNumber ? line[index]!.padStart(width) : line[index]!.padEnd(width)))
      .join('  ')
      .trimEnd(),
  );
}

/** Control characters of names and messages stay out of terminals. */
export const plain = (cell: Cell): string =>
  cell == null || cell === ''
    ? '–'
    : String(cell)
        .replaceAll(/\s+/g, ' ')
        .replaceAll(/\p{Cc}/gu, '');

/** `2m10s`, `3d4h`: the two largest units. */
export function age(instant: string | null | undefined, nowMs: number): string | null {
  if (instant == null) return null;
  let left = Math.max(0, Math.round((nowMs - Date.parse(instant)) / 1000));
  const parts: string[] = [];
  for (const [unit, length] of units) {
    const amount = Math.floor(left / length);
    if (amount > 0 || (unit === 's' && parts.length === 0)) parts.push(`${amount}${unit}`);
    left -= amount * length;
  }
  return parts.slice(0, 2).join('');
}

const units = [
  ['d', 86_400],
  ['h', 3600],
  ['m', 60],
  ['s', 1],
] as const;
