import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { Capacity } from '../../../../dev/chaos/check/capacity.js';
import { contradictions, leftovers, unknownLaunches } from '../../../../dev/chaos/check/consistency.js';
import { Journal } from '../../../../dev/chaos/check/journal.js';
import { Ownership } from '../../../../dev/chaos/check/ownership.js';
import { RequestLog } from '../../../../dev/chaos/check/request-log.js';
import type { LaunchRow, Rows, WorkerRow } from '../../../../dev/chaos/check/rows.js';
import { PLANTED_TAG, type CloudMachine, type World } from '../../../../dev/chaos/check/world.js';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

beforeEach(() => void jest.useFakeTimers({ now: 1_000_000 }));
afterEach(() => void jest.useRealTimers());

const machine = (id: string, more: Partial<CloudMachine> = {}): CloudMachine => ({
  ...{ id, pool: 'a/pool', token: 'token', isEnding: false, registered: true, isPlanted: false, ...more },
});
const world = (machines: readonly CloudMachine[], parts: World['parts'] = []): World => ({
  ...{ at: Date.now(), machines, parts },
});
const launch = (token: string, more: Partial<LaunchRow> = {}): LaunchRow => ({
  ...{
    token,
    worker_pool_id: 'a/pool',
    status: 'done',
    count: 1,
    capacity_per_machine: 1,
    created: Date.now(),
    ...more,
  },
});
const worker = (id: string, more: Partial<WorkerRow> = {}): WorkerRow => ({
  ...{ worker_pool_id: 'a/pool', worker_group: 'here', worker_id: id, provider_id: 'aws', launch_token: 'token' },
  ...{ state: 'running', stopped_at: null, stop_reason: null, ...more },
});
const rows = (launches: readonly LaunchRow[], workers: readonly WorkerRow[]): Rows => ({
  ...{ at: Date.now(), launches, workers, errors: [], wrongCounts: [], orphans: [] },
});

test('a journal leaves time of overlapping outages out of what was readable', () => {
  const journal = new Journal();
  const begun = Date.now();
  const [first, second] = [journal.beginOutage(), journal.beginOutage()];
  jest.advanceTimersByTime(10 * SECOND);
  first();
  jest.advanceTimersByTime(5 * SECOND);
  second();
  jest.advanceTimersByTime(20 * SECOND);
  expect(journal.readable(begun, Date.now())).toBe(20 * SECOND);
  expect(journal.readable(begun + 12 * SECOND, begun + 16 * SECOND)).toBe(1 * SECOND);
});

test('an outage that is over does not go on when it is ended again, as after each read that works', () => {
  const journal = new Journal();
  const begun = Date.now();
  const end = journal.beginOutage();
  jest.advanceTimersByTime(10 * SECOND);
  end();
  jest.advanceTimersByTime(20 * SECOND);
  end();
  expect(journal.readable(begun, Date.now())).toBe(20 * SECOND);
});

test('the checker reports a machine that has no lifecycle for longer than two sweeps and five minutes', () => {
  const ownership = new Ownership(new Journal(), MINUTE);
  for (let passed = 0; passed < 7 * MINUTE; passed += 10 * SECOND) {
    ownership.judge(world([machine('i-1'), machine('i-2')]), ['worker/a/pool/here/i-2']);
    jest.advanceTimersByTime(10 * SECOND);
  }
  expect([...ownership.broken]).toEqual([]);
  jest.advanceTimersByTime(10 * SECOND);
  ownership.judge(world([machine('i-1'), machine('i-2')]), ['worker/a/pool/here/i-2']);
  expect([...ownership.broken]).toEqual(['0 open lifecycles for longer than 420 s: i-1']);
});

test('the checker does not count time without an owner in which something could not be read', () => {
  const journal = new Journal();
  const ownership = new Ownership(journal, MINUTE);
  ownership.judge(world([machine('i-1')]), []);
  journal.beginOutage();
  jest.advanceTimersByTime(60 * MINUTE);
  ownership.judge(world([machine('i-1')]), []);
  expect([...ownership.broken]).toEqual([]);
});

test('the checker counts parts of a machine that is gone as machines without an owner', () => {
  const ownership = new Ownership(new Journal(), MINUTE);
  const nic = { id: '/networkInterfaces/nic-1', workerId: 'vm-1' };
  ownership.judge(world([], [nic]), []);
  jest.advanceTimersByTime(8 * MINUTE);
  ownership.judge(world([], [nic]), []);
  expect([...ownership.broken]).toEqual(['0 open lifecycles for longer than 420 s: /networkInterfaces/nic-1']);
});

test('the checker reports capacity over the maximum of the revision that decided', () => {
  const journal = new Journal();
  const capacity = new Capacity(journal);
  journal.noteMaximum('a/pool', 2);
  capacity.note(world(['i-1', 'i-2', 'i-3'].map((id) => machine(id, { token: id }))));
  const launches = ['i-1', 'i-2', 'i-3'].map((id, nth) => launch(id, { created: Date.now() + nth }));
  capacity.judge(rows(launches, []));
  expect([...capacity.broken]).toEqual(['capacity 3 over the maximum 2 of a/pool: launch i-3']);
});

test('the checker lets machines of an earlier, larger maximum be', () => {
  const journal = new Journal();
  const capacity = new Capacity(journal);
  journal.noteMaximum('a/pool', 3);
  const launches = ['i-1', 'i-2', 'i-3'].map((id) => launch(id));
  jest.advanceTimersByTime(10 * MINUTE);
  journal.noteMaximum('a/pool', 1);
  capacity.note(world(launches.map(({ token }) => machine(token, { token }))));
  capacity.judge(rows(launches, []));
  expect([...capacity.broken]).toEqual([]);
});

test('the checker reports a worker that is recorded as stopped while its machine exists', () => {
  const stopped = worker('i-1', { state: 'stopped', stopped_at: 1, stop_reason: 'gone' });
  const found = contradictions(rows([launch('token')], [stopped]), world([machine('i-1')]), new Journal());
  expect(found).toEqual(['recorded as stopped, and exists: i-1']);
});

test('the checker reports a machine whose launch has no row', () => {
  const found = unknownLaunches(
    world([machine('i-1'), machine('i-2', { token: 'known' })]),
    rows([launch('known')], []),
    new Journal(),
  );
  expect(found).toEqual(['no row of its launch token: i-1']);
});

test('the checker reports what is left, and what somebody else has lost', () => {
  const journal = new Journal();
  for (const id of ['theirs', 'lost']) journal.foreign.add(id);
  const left = world([machine('i-1'), machine('theirs')], [{ id: 'disk-1', workerId: null }]);
  expect(leftovers(left, ['worker/a/pool/here/i-1'], null, journal)).toEqual([
    'machine left: i-1',
    'left: disk-1',
    'lifecycle left: worker/a/pool/here/i-1',
    'somebody else’s is gone: lost',
  ]);
});

const launched = (
  clientToken: string | null,
  created: string[],
  tags: object = { 'worker-manager-launch': 'launch' },
) => ({
  ...{
    kind: 'ec2',
    operation: 'RunInstances',
    outcome: 'ok',
    region: 'r',
    clientToken,
    parametersHash: 'x',
    created,
    tags,
  },
});

test.each<[string, object[], string[]]>([
  ['nothing of a launch that is repeated', [launched('t', ['i-1']), { ...launched('t', [], {}), repeated: true }], []],
  [
    'a launch that was sent without a token',
    [launched(null, ['i-1'])],
    ['launched without a token: i-1 of launch launch'],
  ],
  [
    'a launch that was sent under two tokens',
    [launched('t', ['i-1']), launched('u', ['i-2'])],
    ['launch doubled, under several tokens: launch'],
  ],
  [
    'two requests under one token',
    [launched('t', ['i-1']), { ...launched('t', [], {}), parametersHash: 'y' }],
    ['two requests under one token: r t'],
  ],
  [
    'the removal of what is somebody else’s',
    [{ kind: 'ec2', operation: 'TerminateInstances', outcome: 'ok', ids: ['theirs'] }],
    ['removal of what is not ours: TerminateInstances theirs'],
  ],
  [
    'nothing of a look-alike',
    [launched(null, ['theirs'], { 'worker-manager-launch': 'launch', [PLANTED_TAG]: 'yes' })],
    [],
  ],
])('the checker reads from the log %s', (_what, lines, broken) => {
  const folder = mkdtempSync(join(tmpdir(), 'chaos-log-'));
  const path = join(folder, 'requests.jsonl');
  writeFileSync(path, '');
  const journal = new Journal();
  journal.foreign.add('theirs');
  const log = new RequestLog(path, journal);
  try {
    for (const line of lines) {
      const text = `${JSON.stringify(line)}\n`;
      // A line is read when it is whole.
      appendFileSync(path, text.slice(0, 10));
      log.readOn();
      appendFileSync(path, text.slice(10));
    }
    log.readOn();
    expect([...log.broken]).toEqual(broken);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
