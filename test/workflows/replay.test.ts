import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { eventually } from '../../dev/testing/eventually.js';
import {
  historyOf,
  record,
  recorded,
  recordedNames,
  type RecordedHistory,
  replay,
} from '../support/recorded-histories.js';
import { ObservedCloud } from '../support/observed-cloud.js';
import { ScriptedPool } from '../support/scripted-pool.js';
import { option } from '../support/selection.js';
import { HOUR_MS, TimeSkipping } from '../support/time-skipping.js';

/**
 * Lifecycles live for weeks, so new code meets old histories. The recorded ones are of the last release: when a change
 * of workflow code fails here, it needs `patched()`. `RECORD_HISTORIES=1` records them anew, for a release.
 */

let time: TimeSkipping;
beforeAll(async () => {
  time = await TimeSkipping.start();
});
afterEach(() => time.reset());
afterAll(() => time.stop());

const lives: Record<string, () => Promise<RecordedHistory>> = {
  'whole-life': async () => {
    const lifecycle = await time.startLifecycle({ workerId: 'w-1' });
    await eventually(async () => (await lifecycle.events()).includes('EVENT_TYPE_TIMER_STARTED'));
    await lifecycle.register();
    await time.pass(HOUR_MS);
    await lifecycle.reregister(1);
    await lifecycle.queueActivity({ quarantineUntil: await time.now() });
    await lifecycle.remove('no longer needed');
    await lifecycle.end();
    return await historyOf(lifecycle.handle);
  },
  'deleted-at-once': async () => {
    time.scripted.on('isDeletionAccepted', async () => false);
    const lifecycle = await time.startLifecycle({ workerId: 'w-3', deletesAtOnce: true });
    await lifecycle.remove('no longer needed');
    await eventually(() => time.scripted.of('recordStopping').length > 0);
    await time.pass(11_000);
    await eventually(() => time.scripted.of('deleteResource').length > 0);
    await lifecycle.end();
    return await historyOf(lifecycle.handle);
  },
  'continued-as-new': async () => {
    const lifecycle = await time.startLifecycle({ workerId: 'w-2' });
    await lifecycle.register();
    const { runId } = await lifecycle.handle.describe();
    await time.pass(25 * HOUR_MS);
    const { expires } = await lifecycle.reregister(1);
    await lifecycle.until({ state: 'running', deadline: expires });
    return await historyOf(time.env.client.workflow.getHandle(lifecycle.handle.workflowId, runId));
  },
  stepwise: async () => {
    const world = new ObservedCloud(time, 'stepwise');
    const lifecycle = await world.startStepwise();
    await lifecycle.until({ phase: 'awaiting registration' });
    await lifecycle.register();
    await lifecycle.remove('no longer needed');
    await lifecycle.end();
    return await historyOf(lifecycle.handle);
  },
  reconciliation: async () => {
    const pool = new ScriptedPool(time, 'proj/replayed');
    pool.pendingTasks = 3;
    pool.options = [option('lc-1')];
    const handle = await pool.reconcile();
    await eventually(async () => (await handle.describe()).status.name === 'COMPLETED');
    return await historyOf(handle);
  },
};

if (process.env.RECORD_HISTORIES) {
  test.each(Object.keys(lives))('the recorder records %s', async (name) => {
    record(name, await lives[name]!());
    expect(await replay(recorded(name))).toBeNull();
  });
}

/** The history with one activity, local activity or child taken for another: what code that changed its mind meets. */
function broken({ workflowId, history }: RecordedHistory): RecordedHistory {
  const text = JSON.stringify(history);
  const changed = text
    .replaceAll('"name":"deleteResource"', '"name":"somethingElse"')
    .replaceAll('"name":"assessPool"', '"name":"somethingElse"')
    .replaceAll('"eventType":"EVENT_TYPE_TIMER_STARTED"', '"eventType":"EVENT_TYPE_MARKER_RECORDED"');
  if (changed === text) throw new Error('nothing in it to break');
  return { workflowId, history: JSON.parse(changed) as RecordedHistory['history'] };
}

describe('the current workflow code', () => {
  test('each kind of workflow has a recorded history', () => {
    expect(recordedNames().sort()).toEqual(Object.keys(lives).sort());
  });

  test.each(recordedNames())('the current workflow code continues the recorded history of %s', async (name) => {
    expect(await replay(recorded(name))).toBeNull();
  });

  test.each(recordedNames())(
    'the current workflow code does not accept the history of %s with one step changed',
    async (name) => {
      expect(await replay(broken(recorded(name)))).toMatchObject({ name: 'DeterminismViolationError' });
    },
  );

  test.each(Object.keys(lives))('the current workflow code repeats its own %s exactly', async (name) => {
    expect(await replay(await lives[name]!())).toBeNull();
  });
});
