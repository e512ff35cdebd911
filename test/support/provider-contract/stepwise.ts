import { expect, test } from '@jest/globals';
import type { StepwiseLaunching } from '../../../providers/provider.js';
import { eventually } from '../../../dev/testing/eventually.js';
import { throughHistory } from './bulk.js';
import type { ProviderHarness } from './harness.js';

/** What a cloud promises whose machines are built one resource after another. */
export function stepwisePromises(harness: () => ProviderHarness): void {
  const launching = () => harness().provider.launching as StepwiseLaunching;

  test('the machines of a launch are known before it begins, and are always the same', () => {
    const spec = harness().spec!({ count: 3 });
    const launch = throughHistory(launching().prepare(spec));
    expect(launching().machines(launch)).toHaveLength(3);
    expect(launching().machines(launch)).toEqual(launching().machines(launching().prepare(spec)));
  });

  test('a resource submitted again is not created again', async () => {
    const launch = launching().prepare(harness().spec!({ count: 1 }));
    const [machine] = launching().machines(launch);
    for (const step of launching().steps(launch)) {
      await launching().submit(launch, machine!, step);
      // Until it is ready: the next step begins only then.
      await eventually(async () => (await launching().submit(launch, machine!, step)) === null);
    }
    const { resources, state } = await harness().provider.machines!.get(machine!);
    expect(Object.keys(resources)).toEqual(expect.arrayContaining([...launching().steps(launch)]));
    expect(['pending', 'running']).toContain(state);
  });

  test('every step that is created is also removed', () => {
    const launch = launching().prepare(harness().spec!({ count: 1 }));
    expect(harness().provider.machines!.removalSteps).toEqual(expect.arrayContaining([...launching().steps(launch)]));
  });
}
