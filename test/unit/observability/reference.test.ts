import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { logEvents } from '../../../observability/log-events.js';
import { Metrics } from '../../../observability/metrics.js';
import { nothingRecorded } from '../../support/recorded-metrics.js';

/** Cells of the rows of a page's table whose first cell is code. */
const rowsOf = (page: string): string[][] =>
  readFileSync(page, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );

const code = (names: readonly string[]) => names.map((name) => `\`${name}\``).join(', ');

test('the page of log events lists exactly the events of the code, with level, meaning and fields', () => {
  expect(rowsOf('docs/reference/logs.md')).toEqual(
    Object.entries(logEvents).map(([name, { level, meaning, fields }]) => [
      `\`${name}\``,
      level,
      meaning,
      code(fields),
    ]),
  );
});

test('every line is logged by the name of its event', () => {
  const folders = ['activities', 'api', 'cli', 'database', 'providers', 'temporal', 'workers'];
  const others = folders
    .flatMap((folder) =>
      readdirSync(folder, { recursive: true, encoding: 'utf8' })
        .filter((path) => path.endsWith('.ts'))
        .map((path) => `${folder}/${path}`),
    )
    .filter((path) => /\blog\??\.(trace|debug|info|warn|error|fatal)\(/.test(readFileSync(path, 'utf8')));
  expect(others).toEqual([]);
});

test('the page of metrics lists exactly those of the code, with kind, labels and meaning', async () => {
  const { registry } = new Metrics(async () => nothingRecorded);
  const metrics = (await registry.getMetricsAsJSON()).map(({ name, type, help }) => {
    const { labelNames } = registry.getSingleMetric(name) as unknown as { labelNames: string[] };
    return [`\`${name}\``, String(type), code(labelNames), help];
  });
  expect(rowsOf('docs/reference/metrics.md')).toEqual(metrics);
});
