import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { workerScopes } from '../../../api/auth/credentials.js';
import { errorCatalogue } from '../../../domain/error-catalogue.js';
import { estimate, estimatorKinds, noCapacity } from '../../../domain/estimator.js';

const page = readFileSync('docs/taskcluster-compatibility.md', 'utf8');
/** The part of the page from an anchor to the next heading but its own. */
const section = (anchor: string): string => page.split(`<a id="${anchor}"></a>`)[1]!.split('\n<a id=')[0]!;

test('the worked examples of the compatibility page are what both estimators compute', () => {
  const rows = section('estimator-examples')
    .split('\n')
    .filter((line) => /^\| \d/.test(line))
    .map((line) =>
      line
        .split('|')
        .slice(1, 12)
        .map((cell) => Number.parseFloat(cell)),
    );
  expect(rows).toHaveLength(12);
  for (const [row, pendingTasks, claimedTasks, existing, stoppingCapacity, requestedCapacity, ...rest] of rows) {
    const [minCapacity, maxCapacity, scalingRatio, original, corrected] = rest;
    const input = {
      ...noCapacity,
      pendingTasks: pendingTasks!,
      claimedTasks: claimedTasks!,
      stoppingCapacity: stoppingCapacity!,
      requestedCapacity: requestedCapacity!,
      runningCapacity: existing! - requestedCapacity!,
      currentCapacity: existing!,
      minCapacity: minCapacity!,
      maxCapacity: maxCapacity!,
      scalingRatio: scalingRatio!,
    };
    const computed = estimatorKinds.map((kind) => Number(estimate(kind, input).spawnCapacity.toFixed(9)));
    expect([row, ...computed]).toEqual([row, corrected, original]);
  }
});

test('the table of routes of the compatibility page has every operation of the API', () => {
  const operations = readdirSync('api/routes').flatMap((file) =>
    [...readFileSync(`api/routes/${file}`, 'utf8').matchAll(/\bname: '(\w+)'/g)].map(([, name]) => name!),
  );
  expect(operations.length).toBeGreaterThan(20);
  expect(operations.filter((name) => !section('routes').includes(`\`${name}\``))).toEqual([]);
});

test('the compatibility page lists the scopes of a worker in the order in which its credentials have them', () => {
  const scopes = workerScopes({ workerPoolId: '<p>', workerGroup: '<g>', workerId: '<i>' });
  expect(section('credentials').split('```')[1]!.trim().split('\n')).toEqual(scopes);
});

test('the compatibility page lists every error code with its status', () => {
  const [listed = ''] = section('error-codes').split('**Differs**');
  // Codes come before their status, and several may share one.
  const statuses = [...listed.matchAll(/`(\w+)`(?=[^(]*\((\d{3}))/g)].map(([, code, status]) => [code, Number(status)]);
  const known = Object.entries(errorCatalogue).map(([code, { status }]) => [code, status]);
  expect(statuses.filter(([code]) => String(code) in errorCatalogue)).toEqual(
    known.filter(([code]) => code !== 'TryAgain' && code !== 'MethodNotAllowed'),
  );
});
