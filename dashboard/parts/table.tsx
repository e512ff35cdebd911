import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { useAddress } from '../address.js';

export interface Column<Row> {
  readonly id: string;
  readonly title: string;
  readonly of: (row: Row) => ComponentChildren;
  /** Without it the column cannot be sorted by. */
  readonly value?: (row: Row) => number | string;
  readonly isNumber?: boolean;
  /** Left out on a phone. */
  readonly isWide?: boolean;
}

/** Rows that are drawn before somebody wants more. */
const MAX_DRAWN = 500;

interface TableProps<Row> {
  readonly caption: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly keyOf: (row: Row) => string;
  /** Without a column chosen. */
  readonly order?: (a: Row, b: Row) => number;
  /** Says why there is nothing, and what to do. */
  readonly empty: ComponentChildren;
}

/** A table that can be sorted; by what stands in the address, so that it can be sent to somebody. */
export function Table<Row>({ caption, columns, rows, keyOf, order, empty }: TableProps<Row>) {
  const { query, setQuery } = useAddress();
  const [drawn, setDrawn] = useState(MAX_DRAWN);
  if (rows.length === 0) return <p class="empty">{empty}</p>;
  const sorted = sortRows(rows, columns, query['sort'], order);
  const sortBy = (id: string) => {
    setQuery({ sort: query['sort'] === id ? `-${id}` : query['sort'] === `-${id}` ? undefined : id });
  };
  return (
    <>
      <table>
        <caption class="unseen">{caption}</caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <Heading key={column.id} column={column} sort={query['sort']} onSort={sortBy} />
            ))}
          </tr>
        </thead>
        <tbody>
          {sorted.slice(0, drawn).map((row) => (
            <tr key={keyOf(row)}>
              {columns.map((column, index) => (
                <Cell key={column.id} column={column} row={row} isHeading={index === 0} />
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {sorted.length > drawn && (
        <button type="button" onClick={() => setDrawn(Infinity)}>
          Show all {sorted.length}
        </button>
      )}
    </>
  );
}

const classOf = ({ isNumber, isWide }: { isNumber?: boolean; isWide?: boolean }): string =>
  [isNumber ? 'number' : '', isWide ? 'wide' : ''].join(' ').trim();

function Heading<Row>(props: { column: Column<Row>; sort: string | undefined; onSort: (id: string) => void }) {
  const { column, sort, onSort } = props;
  const { id, title, value } = column;
  const direction = sort === id ? 'descending' : sort === `-${id}` ? 'ascending' : 'none';
  return (
    <th scope="col" class={classOf(column)} {...(value && { 'aria-sort': direction })}>
      {value ? (
        <button type="button" class="sort" onClick={() => onSort(id)}>
          {title}
          <span aria-hidden="true">{{ descending: ' ▾', ascending: ' ▴', none: '' }[direction]}</span>
        </button>
      ) : (
        title
      )}
    </th>
  );
}

function Cell<Row>({ column, row, isHeading }: { column: Column<Row>; row: Row; isHeading: boolean }) {
  return isHeading ? (
    <th scope="row" class={classOf(column)}>
      {column.of(row)}
    </th>
  ) : (
    <td class={classOf(column)}>{column.of(row)}</td>
  );
}

/** Largest first, as people want numbers; names the other way round. */
function sortRows<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  sort: string | undefined,
  order: TableProps<Row>['order'],
): readonly Row[] {
  const value = columns.find(({ id }) => id === sort?.replace(/^-/, ''))?.value;
  if (!value) return order ? rows.toSorted(order) : rows;
  const sign = sort?.startsWith('-') ? -1 : 1;
  return rows.toSorted((a, b) => sign * compare(value(a), value(b)));
}

function compare(a: number | string, b: number | string): number {
  if (typeof a === 'number' && typeof b === 'number') return b - a;
  return String(a) < String(b) ? -1 : String(a) > String(b) ? 1 : 0;
}
