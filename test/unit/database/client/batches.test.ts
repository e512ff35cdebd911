import { expect, test } from '@jest/globals';
import { deleteInBatches } from '../../../../database/client/batches.js';

/** A table of `rows` rows whose deletes of more than `most` take longer than a statement may. */
function slowTable(rows: number, most: number) {
  const limits: number[] = [];
  let left = rows;
  const batch = async (limit: number) => {
    limits.push(limit);
    if (limit > most) throw new Error('canceling statement due to statement timeout');
    const deleted = Math.min(left, limit);
    left -= deleted;
    return { deleted, considered: deleted };
  };
  return { batch, limits };
}

test('deleteInBatches finds a batch that a slow database can delete within three statements that it cannot', async () => {
  const { batch, limits } = slowTable(40, 5);
  let tries = 0;
  const result = await deleteInBatches(batch, () => (tries += 1) > 6);
  expect(limits.slice(0, 4)).toEqual([500, 63, 8, 1]);
  expect(result).toMatchObject({ skipped: 0, failure: { message: expect.stringContaining('timeout') } });
  expect(result.deleted).toBeGreaterThan(5);
});

test('deleteInBatches ends when more than ten rows of a table cannot be deleted', async () => {
  const { batch, limits } = slowTable(40, 0);
  expect(await deleteInBatches(batch, () => false)).toMatchObject({ deleted: 0, skipped: 11, finished: false });
  expect(limits.at(-1)).toBe(1);
});

test('deleteInBatches goes on behind a batch of which all must stay', async () => {
  const batches = [
    { deleted: 0, considered: 500 },
    { deleted: 1, considered: 2 },
  ];
  const result = await deleteInBatches(
    () => Promise.resolve(batches.shift()!),
    () => false,
  );
  expect(result).toMatchObject({ deleted: 1, finished: true });
});
