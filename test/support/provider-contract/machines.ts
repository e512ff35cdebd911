import { expect, test } from '@jest/globals';
import { ProviderError } from '../../../providers/errors.js';
import { PartialListing } from '../../../providers/shared/partial-listing.js';
import type { MachineLocation } from '../../../domain/worker.js';
import type { LaunchedMachine, MachineRef, Observation, TaggedResource } from '../../../providers/provider.js';
import { eventually } from '../../../dev/testing/eventually.js';
import { ids } from './bulk.js';
import type { Ability, ProviderHarness } from './harness.js';

/** What a cloud promises about machines that exist: reading them and deleting them. */
export function machinePromises(harness: () => ProviderHarness, can: (ability: Ability) => boolean): void {
  const machines = () => harness().provider.machines!;

  async function observe(locations: readonly MachineLocation[]): Promise<Observation[]> {
    const seen: Observation[] = [];
    for await (const page of machines().observe(locations)) seen.push(...page);
    return seen;
  }
  async function inventory(locations: readonly MachineLocation[]): Promise<TaggedResource[]> {
    const listed: TaggedResource[] = [];
    for await (const page of machines().inventory(locations, async () => [])) listed.push(...page);
    return listed;
  }
  /** Waits until a scan shows these machines: clouds list new ones late. */
  const listed = (created: readonly LaunchedMachine[]) =>
    eventually(async () => {
      const seen = await observe(created.map(({ location }) => location));
      const own = seen.filter(({ workerId }) => created.some((machine) => machine.workerId === workerId));
      return own.length === created.length && own;
    });
  async function removeAll(machine: LaunchedMachine): Promise<void> {
    for (const step of machines().removalSteps) {
      await machines().deleteResource(machine, step);
      // Each step begins when the one before is gone.
      if (harness().provider.launching?.kind === 'bulk') continue;
      await eventually(async () => {
        const { state, resources } = await machines().get(machine);
        return state === 'gone' || (resources[step] ?? 'gone') === 'gone';
      });
    }
  }

  test('a scan shows our machines with their tags, and nobody else’s', async () => {
    const spec = harness().spec!({ count: 2 });
    const created = await launch(harness(), spec);
    const foreign = await harness().makeForeign!();
    const own = await listed(created);
    for (const observation of own) {
      expect(observation).toMatchObject({ launchToken: spec.token, workerPoolId: spec.workerPoolId });
      expect(['pending', 'running']).toContain(observation.state);
    }
    expect(ids(await observe([foreign.location]))).not.toContain(foreign.workerId);
  });

  test('an inventory shows our machines as ours wherever they are, and nothing of another deployment', async () => {
    const spec = harness().spec!({ count: 2 });
    const created = await launch(harness(), spec);
    const foreign = await harness().makeForeign!();
    await listed(created);
    // Nobody says where to look.
    const found = await inventory([]);
    const isOf = (machine: MachineRef) => (one: TaggedResource) =>
      one.workerId === machine.workerId && one.workerGroup === machine.workerGroup;
    for (const machine of created) {
      const own = found.filter(isOf(machine));
      expect(own.filter(({ isMachine }) => isMachine)).toHaveLength(1);
      for (const one of own) expect(one).toMatchObject({ launchToken: spec.token });
      if (can('request records')) expect(own.every(({ isOurs }) => isOurs)).toBe(true);
    }
    expect(found.filter(isOf(foreign))).toEqual([]);
    expect(new Set(found.map(({ resourceId }) => resourceId)).size).toBe(found.length);
  });

  test('an inventory shows nothing of a machine whose every resource was deleted as the inventory gave it', async () => {
    const created = await launch(harness(), harness().spec!({ count: 1 }));
    await listed(created);
    const left = async () =>
      (await inventory(created.map(({ location }) => location))).filter(
        ({ workerId }) => workerId === created[0]!.workerId,
      );
    expect(await left()).not.toEqual([]);
    await eventually(async () => {
      const found = await left();
      // What another one holds goes after it.
      await Promise.allSettled(found.map((one) => machines().deleteResource(one, one.step)));
      return found.length === 0;
    });
  });

  test('words that no cloud uses say nothing of why a machine ended', () => {
    expect(machines().causeOf('')).toBe('other');
  });

  test('a scan of no location shows nothing', async () => {
    expect(await observe([])).toEqual([]);
  });

  test('a read by id shows one machine, and gone for one that does not exist', async () => {
    const [machine] = await launch(harness(), harness().spec!({ count: 1 }));
    const seen = await eventually(async () => {
      const observation = await machines().get(machine!);
      return observation.state !== 'gone' && observation;
    });
    expect(seen).toMatchObject({ workerId: machine!.workerId, workerGroup: machine!.workerGroup });
    expect(await machines().get(harness().unknownMachine!())).toMatchObject({ state: 'gone', launchToken: null });
  });

  test('a removed machine goes, removing it again is no error, and its end can be seen', async () => {
    const created = await launch(harness(), harness().spec!({ count: 1 }));
    await listed(created);
    await removeAll(created[0]!);
    await eventually(async () => (await machines().get(created[0]!)).state === 'gone');
    await removeAll(created[0]!);
    for (const { state } of await observe(created.map(({ location }) => location))) expect(state).toBeDefined();
    expect((await machines().get(created[0]!)).state).toBe('gone');
  });

  test('simultaneous removals get a verdict each, and a machine that does not exist is no error', async () => {
    const created = await launch(harness(), harness().spec!({ count: 1 }));
    const also = await launch(harness(), harness().spec!({ count: 1 }));
    const step = machines().removalSteps[0]!;
    const all = [...created, harness().unknownMachine!(), ...also];
    const verdicts = await Promise.allSettled(all.map((machine) => machines().deleteResource(machine, step)));
    expect(verdicts.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled']);
  });

  test('a limiter that is used up stops every call before it is sent', async () => {
    const { context } = harness();
    const created = await launch(harness(), harness().spec!({ count: 1 }));
    const before = context.outcomes.length;
    context.refuseCalls(new ProviderError({ code: 'Throttled', message: 'used up', retryAfterMs: 1_234 }));
    const refused = { code: 'Throttled', retryAfterMs: 1_234 };
    await expect(observe([created[0]!.location])).rejects.toMatchObject(refused);
    await expect(inventory([created[0]!.location])).rejects.toMatchObject(refused);
    await expect(machines().get(created[0]!)).rejects.toMatchObject(refused);
    await expect(machines().deleteResource(created[0]!, machines().removalSteps[0]!)).rejects.toMatchObject(refused);
    context.refuseCalls(null);
    expect(context.outcomes).toHaveLength(before);
  });

  if (can('throttling')) {
    test('a scan that is rejected throws, and so proves nothing', async () => {
      const [machine] = await launch(harness(), harness().spec!({ count: 1 }));
      await harness().throttle!('read');
      await expect(observe([machine!.location])).rejects.toMatchObject({ code: 'Throttled' });
      await harness().throttle!('delete');
      await expect(machines().deleteResource(machine!, machines().removalSteps[0]!)).rejects.toMatchObject({
        code: 'Throttled',
      });
    });
  }

  if (can('refused places')) {
    test('a scan names a location that is rejected, and shows what is in the others', async () => {
      const [machine] = await launch(harness(), harness().spec!({ count: 1 }));
      await listed([machine!]);
      const { open, refused } = await harness().refuseLocation!();
      const seen: Observation[] = [];
      const read = async () => {
        for await (const page of machines().observe([open, refused])) seen.push(...page);
      };
      const error = await read().catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(PartialListing);
      expect((error as PartialListing).failed).toEqual([refused]);
      expect(ids(seen)).toContain(machine!.workerId);
      await expect(observe([refused])).rejects.not.toBeInstanceOf(PartialListing);
      await expect(inventory([open])).rejects.toBeInstanceOf(ProviderError);
    });
  }
}

/** Launches an order completely, whichever way the provider has. */
async function launch({ provider }: ProviderHarness, spec: ReturnType<NonNullable<ProviderHarness['spec']>>) {
  const launching = provider.launching!;
  const prepared = launching.prepare(spec);
  if (launching.kind === 'bulk') return (await launching.submit(prepared)).machines;
  const created = launching.machines(prepared);
  for (const machine of created) {
    for (const step of launching.steps(prepared)) {
      await eventually(async () => (await launching.submit(prepared, machine, step)) === null);
    }
  }
  return created;
}
