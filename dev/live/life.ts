import { ProviderError } from '../../providers/errors.js';
import type {
  LaunchedMachine,
  LaunchSpec,
  MachineRef,
  Observation,
  PreparedLaunch,
  Provider,
} from '../../providers/provider.js';
import { eventually } from '../testing/eventually.js';

/** What clouds take for one machine, with much to spare. */
const PATIENCE_MS = 15 * 60_000;

/**
 * One machine of a provider, launched, listed, read, removed and gone, by nothing but the contract; `everyMs` between
 * two questions of the cloud. Throws where a promise is broken. Whatever was launched is removed all the same, and a
 * listing by tag that shows nothing is the end.
 */
export async function liveOnce(provider: Provider, spec: LaunchSpec, everyMs: number): Promise<LaunchedMachine> {
  const life = new LiveMachine(provider, spec, everyMs);
  await provider.setup();
  try {
    const machine = await life.launch();
    await life.read(machine);
    return machine;
  } finally {
    await life.removeAll();
  }
}

class LiveMachine {
  private readonly provider: Provider;
  private readonly spec: LaunchSpec;
  private readonly everyMs: number;
  private readonly prepared: PreparedLaunch;
  /** Known before a listing shows them: clouds list new machines late. */
  private readonly launched: LaunchedMachine[] = [];

  constructor(provider: Provider, spec: LaunchSpec, everyMs: number) {
    if (!provider.launching) throw new Error('this provider launches nothing');
    this.provider = provider;
    this.spec = spec;
    this.everyMs = everyMs;
    this.prepared = provider.launching.prepare(spec);
  }

  private get machines() {
    return this.provider.machines!;
  }

  /** In bulk the same launch until there is an answer: repeated, it creates no second machine. */
  async launch(): Promise<LaunchedMachine> {
    const launching = this.provider.launching!;
    const { prepared } = this;
    if (launching.kind === 'bulk') {
      const { machines, shortfall } = await this.until('an answer to the launch', () => launching.submit(prepared));
      this.launched.push(...machines);
      if (machines[0]) return machines[0];
      throw new Error(`the cloud launched nothing: ${shortfall.map(({ message }) => message).join('; ')}`);
    }
    const machine = launching.machines(prepared)[0]!;
    this.launched.push(machine);
    for (const step of launching.steps(prepared)) {
      // Null: the resource is ready.
      await this.until(`the ${step}`, async () => (await launching.submit(prepared, machine, step)) === null);
    }
    return machine;
  }

  async read(machine: LaunchedMachine): Promise<void> {
    const { workerId, workerGroup } = machine;
    const shown = await this.until(`a listing by tag that shows ${workerId}`, async () =>
      (await this.remaining()).find((seen) => seen.workerId === workerId),
    );
    const { token: launchToken, workerPoolId } = this.spec;
    assertHas('the listed machine', shown, { workerGroup, launchToken, workerPoolId });
    const found = await this.until(`an answer of ${workerId}`, () => this.machines.get(machine));
    assertHas('the machine that was read by its id', found, { workerGroup, workerId, launchToken, workerPoolId });
  }

  /** Also what a launch without an answer has created. */
  async removeAll(): Promise<void> {
    const listed = await this.until('a listing by tag', () => this.remaining());
    const isKnown = ({ workerId }: Observation) => this.launched.some((machine) => machine.workerId === workerId);
    for (const machine of [...this.launched, ...listed.filter((seen) => !isKnown(seen))]) {
      for (const step of this.machines.removalSteps) await this.remove(machine, step);
    }
    await this.until('a listing by tag that shows nothing', async () => (await this.remaining()).length === 0);
  }

  private async remove(machine: MachineRef, step: string): Promise<void> {
    const what = `the ${step} of ${machine.workerId}`;
    await this.until(`the removal of ${what}`, async () => {
      await this.machines.deleteResource(machine, step);
      return true;
    });
    await this.until(`the end of ${what}`, async () => isGone(await this.machines.get(machine), step));
  }

  /** What a listing by the deployment's tag shows that is not gone. */
  private async remaining(): Promise<Observation[]> {
    const seen: Observation[] = [];
    for await (const page of this.machines.observe([this.prepared.location])) seen.push(...page);
    return seen.filter(({ state }) => state !== 'gone');
  }

  /** Asks until there is something to see; a failure that a repeat may cure is nothing to see. */
  private until<T>(what: string, check: () => Promise<T>) {
    const attempt = async (): Promise<T | false> => {
      try {
        return await check();
      } catch (error) {
        if (error instanceof ProviderError && error.retryable) return false;
        throw error;
      }
    };
    return eventually(attempt, { withinMs: PATIENCE_MS, everyMs: this.everyMs, what });
  }
}

/** Of a machine that is built step by step some resources may go before others. */
const isGone = ({ state, resources }: Observation, step: string): boolean =>
  state === 'gone' || (Object.keys(resources).length > 0 && (resources[step] ?? 'gone') === 'gone');

function assertHas(what: string, actual: object, wanted: object): void {
  for (const [key, value] of Object.entries(wanted)) {
    const found: unknown = Object.entries(actual).find(([name]) => name === key)?.[1];
    if (found !== value) throw new Error(`${what} has the ${key} ${String(found)} instead of ${String(value)}`);
  }
}
