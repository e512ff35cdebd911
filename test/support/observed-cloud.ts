import { compareScan, type ScanNote } from '../../domain/observation.js';
import type { Provider } from '../../providers/provider.js';
import { recordedContext } from './provider-context.js';
import { RecordingCloud } from './recording-cloud.js';
import { recordingProvider } from './recording-provider.js';
import { type TestLifecycle, MINUTE_MS, type TimeSkipping } from './time-skipping.js';
import { workerOf } from './workers.js';

/** A recording provider behind the scripted activities of one life, and scans of it whenever a test wants one. */
export class ObservedCloud {
  readonly cloud = new RecordingCloud();
  readonly provider: Provider;
  /** Called before a step is submitted: may delay it, or throw in its place. */
  beforeSubmit: (step: string) => void | Promise<void> = () => {};
  private readonly time: TimeSkipping;
  private notes: ScanNote[] = [];

  constructor(time: TimeSkipping, kind: 'bulk' | 'stepwise') {
    this.time = time;
    this.provider = recordingProvider(recordedContext(), this.cloud, kind);
    time.scripted.on('deleteResource', (machine, step) => this.provider.machines!.deleteResource(machine, step));
  }

  /** The life of one stepwise machine, and its cloud's activities. */
  async startStepwise(): Promise<TestLifecycle> {
    const launching = this.provider.launching!;
    if (launching.kind !== 'stepwise') throw new Error('this provider launches in bulk');
    const prepared = launching.prepare({
      token: `token-${await this.time.now()}`,
      workerPoolId: 'proj/pool',
      owner: 'me@example.com',
      launchConfigId: 'lc-1',
      configuration: { region: 'here' },
      count: 1,
    });
    const [machine] = launching.machines(prepared);
    this.time.scripted.on('submitResource', async (_machine, step) => {
      await this.beforeSubmit(step);
      return await launching.submit(prepared, machine!, step);
    });
    this.time.scripted.on('explainFailure', async (_machine, step, operation) => ({
      kind: 'operation-error',
      title: 'Operation Error',
      description: (await launching.explain(machine!, step, operation)).message,
      failureClass: 'capacity',
    }));
    return await this.time.startLifecycle({
      workerId: machine!.workerId,
      launchToken: prepared.token,
      creationSteps: launching.steps(prepared),
      removalSteps: this.provider.machines!.removalSteps,
      stepLabels: this.provider.stepLabels,
    });
  }

  /** One scan as the activity makes it: lists all machines, and signals the lifecycle when its machine changed. */
  async scan(lifecycle: TestLifecycle): Promise<void> {
    const { state } = await lifecycle.status();
    const nowMs = await this.time.now();
    const created = lifecycle.input.registrationDeadline! - 30 * MINUTE_MS;
    const worker = workerOf({ ...lifecycle.input, identityAttributes: {} }, { state, created });
    const seen = [];
    for await (const page of this.provider.machines!.observe([lifecycle.input.location])) seen.push(...page);
    const { changes, missing, notes, clear } = compareScan({
      workers: [worker],
      machines: seen,
      notes: this.notes,
      completeFor: () => true,
      stepwise: this.provider.launching?.kind === 'stepwise',
      begunAt: nowMs,
      nowMs,
    });
    if (clear.length > 0) this.notes = [];
    if (notes.length > 0) this.notes = [...notes];
    const afterRead = await Promise.all(missing.map(() => this.provider.machines!.get(worker)));
    const gone = afterRead.filter((machine) => machine.state === 'gone');
    for (const machine of [...changes.map((change) => change.machine), ...gone]) {
      const { reason, resources } = machine;
      await lifecycle.observed(machine.state, {
        ...(reason !== null && { reason, cause: this.provider.machines!.causeOf(reason) }),
        ...(Object.keys(resources).length > 0 && { resources, removing: state === 'stopping' }),
      });
    }
  }
}
