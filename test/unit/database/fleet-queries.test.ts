import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { fleetQueries } from '../../../dev/testing/fleet-queries.js';

const ONE_ROW = 'by its key: one row, or those of one launch';
const ON_CHANGE = 'a change that somebody makes, of one pool and its launch configs';
const SMALL = 'a table that does not grow';
const AT_START = 'once when a process starts';

/** Functions that the size benchmark leaves out, and why. */
const LEFT_OUT: Readonly<Record<string, string>> = {
  insertError: ONE_ROW,
  insertErrorOnce: ONE_ROW,
  announce: ONE_ROW,
  hold: SMALL,
  release: SMALL,
  holdOf: SMALL,
  beginAttempt: ONE_ROW,
  resolveAttempt: ONE_ROW,
  noteFailure: ONE_ROW,
  reportInDoubt: ONE_ROW,
  planLaunchConfigs: ON_CHANGE,
  writeLaunchConfigs: ON_CHANGE,
  failLaunch: ONE_ROW,
  noteShortage: ONE_ROW,
  dropLaunches: ONE_ROW,
  dropUnsent: ONE_ROW,
  recordLaunchFailure: ONE_ROW,
  backoffOfWorker: ONE_ROW,
  endBackoff: ONE_ROW,
  launchOf: ONE_ROW,
  getLaunch: ONE_ROW,
  recordLaunchedWorkers: ONE_ROW,
  finishLaunches: ONE_ROW,
  migrate: AT_START,
  missingMigrations: AT_START,
  boundedPage: 'a part of the lists',
  createPool: ON_CHANGE,
  updatePool: ON_CHANGE,
  deletePool: ON_CHANGE,
  recordTaskQueuePrefix: AT_START,
  providerAccounts: AT_START,
  recordProviderAccounts: AT_START,
  bucketStore: SMALL,
  recordCredentialsUsed: ONE_ROW,
  recordSignature: ONE_ROW,
  forgetSignature: ONE_ROW,
  inTransaction: 'no query',
  batchOf: 'a part of expireRows and removeDeletedPools',
  recordRunning: ONE_ROW,
  recordQuarantine: ONE_ROW,
  recordCredentials: ONE_ROW,
  recordStopping: ONE_ROW,
  recordStopped: ONE_ROW,
  recordResourceIds: ONE_ROW,
  insertStaticWorker: ONE_ROW,
  updateStaticWorker: ONE_ROW,
  launchTokens: 'only when a disk has outlived its machine',
  recordSweep: ONE_ROW,
  recordAct: ONE_ROW,
  getSweep: ONE_ROW,
  removalsOf: 'those of one run, by an index',
  recordUnwantedMachine: ONE_ROW,
  missedLifecycles: SMALL,
  recordMissedLifecycles: SMALL,
  supersedeReservations: ONE_ROW,
  getWorker: ONE_ROW,
  terminationAdvice: ONE_ROW,
  makeReadingDue: ONE_ROW,
  acquireLease: SMALL,
  releaseLease: SMALL,
  extendPresence: SMALL,
  endPresence: SMALL,
  presenceMs: SMALL,
  recordAttempts: ONE_ROW,
  claimErrorMail: 'a pool whose owner is to get mail: its errors of a day, at most 20 at once',
  recordErrorMail: ONE_ROW,
  waitingPools: SMALL,
  recordWaits: 'a row for each pool that waits',
  sumUpDemand: 'the polls of an hour, by an index',
  recordRevision: ONE_ROW,
  recordFailedReconciliation: ONE_ROW,
  listWedgedLifecycles: SMALL,
  recordWedgedLifecycles: SMALL,
  recordWedgedAct: ONE_ROW,
  wedgedActsSince: SMALL,
  stillOpen: 'the locks of a moment',
};

/** Exported functions of database/ that take the database. */
const exported = readdirSync('database', { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .flatMap((file) => {
    const source = readFileSync(`database/${file}`, 'utf8');
    const found = source.matchAll(/^export (?:async function |function |const )(\w+)[^(;{]*\(\s*db: Db\b/gm);
    return [...found].map(([, name]) => name!);
  });

test('every function that queries the database is in the size benchmark or left out with a reason', () => {
  const known = new Set([...fleetQueries.map(({ name }) => name), ...Object.keys(LEFT_OUT)]);
  expect(exported.filter((name) => !known.has(name))).toEqual([]);
  expect(exported.length).toBeGreaterThan(60);
});

test('every function that the size benchmark leaves out exists', () => {
  expect(Object.keys(LEFT_OUT).filter((name) => !exported.includes(name))).toEqual([]);
});
