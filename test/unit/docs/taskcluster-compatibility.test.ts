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

/** Of the service itself and of what all of Taskcluster's services have. */
const THEIR_METRICS = [
  ...['existing', 'stopping', 'requested', 'desired', 'total_idle'].map((name) => `worker_manager_${name}_capacity`),
  ...['adjusted_pending', 'pending', 'claimed'].map((name) => `worker_manager_${name}_tasks`),
  ...['registration', 'provision', 'startup', 'lifetime'].map((name) => `worker_manager_worker_${name}_seconds`),
  ...['worker_registration_failures_total', 'workers_to_terminate'].map((name) => `worker_manager_${name}`),
  ...['pool_provision_seconds', 'pool_scan_seen_workers', 'pool_scan_errors'].map(
    (name) => `worker_manager_worker_${name}`,
  ),
  ...['throttle_total', 'ratelimit_remaining', 'teardown_total', 'arm_deployment_errors_total'].map(
    (name) => `worker_manager_azure_${name}`,
  ),
  ...['iterate_duration_seconds', 'http_requests_total', 'http_request_duration_seconds'],
];
const THEIR_LINES = [
  ...['worker-pool-provisioned', 'worker-requested', 'worker-running', 'worker-stopped', 'worker-removed'],
  ...['worker-error', 'simple-estimate', 'scan-seen', 'cloud-api-paused', 'cloud-api-resumed', 'cloud-api-metrics'],
  ...['registration-error-warning', 'launch-config-selector-debug', 'azure-resource-group-ensure'],
  ...['azure-instance-view-repeated-404', 'azure-throttled', 'azure-teardown-mode', 'periodic'],
];

test('each of Taskcluster’s metrics and lines is in the reference, or absent by the compatibility page, and not both', () => {
  const absent = section('metrics')
    .split('\n- ')
    .filter((entry) => entry.startsWith('Absent'))
    .join();
  const metrics = readFileSync('docs/reference/metrics.md', 'utf8');
  const events = readFileSync('docs/reference/logs.md', 'utf8');
  const isAbsent = (name: string) => absent.includes(`\`${name.replace('worker_manager_', '')}\``);
  const wherever = (names: readonly string[], reference: string) =>
    names.filter((name) => reference.includes(`\`${name}\``) === isAbsent(name));
  expect([...wherever(THEIR_METRICS, metrics), ...wherever(THEIR_LINES, events)]).toEqual([]);
});
