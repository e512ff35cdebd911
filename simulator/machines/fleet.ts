import type { Cloud } from '../ec2/cloud.js';
import type { Instance } from '../ec2/instance.js';
import { Refusal } from '../errors.js';
import type { RequestLog } from '../request-log.js';
import type { Agents } from './agents.js';
import { introduceInstance } from './registration.js';

/** The EC2 machines and what runs in them. */
export class Fleet {
  /** From the launch until the worker-runner starts. */
  readonly #bootMs: number;
  readonly #cloud: Cloud;
  readonly #agents: Agents;
  readonly #log: RequestLog;
  readonly #changed: () => void;
  #simulatorUrl = '';

  constructor(bootMs: number, cloud: Cloud, agents: Agents, log: RequestLog, changed: () => void) {
    this.#bootMs = bootMs;
    this.#cloud = cloud;
    this.#agents = agents;
    this.#log = log;
    this.#changed = changed;
  }

  /** Starts the agents of all living machines; called once the port is open. */
  start(simulatorUrl: string): void {
    this.#simulatorUrl = simulatorUrl;
    for (const instance of this.#cloud.all(Date.now())) {
      if (instance.endingMs === null) this.#startAgent(instance);
    }
  }

  /** New machines boot; ended ones fall silent. */
  follow(created: readonly string[] = [], ended: readonly string[] = []): void {
    for (const instanceId of created) {
      const instance = this.#cloud.find(instanceId, Date.now());
      if (instance) this.#startAgent(instance);
    }
    for (const instanceId of ended) this.#agents.end(instanceId);
    this.#changed();
  }

  /** The cloud takes a machine away without warning; with `vanish` it even forgets that there was one. */
  kill(instanceId: string, vanish: boolean): void {
    const instance = this.#find(instanceId);
    const spot = this.#cloud.launchOf(instance).spot;
    const reason = spot
      ? { code: 'Server.SpotInstanceTermination', message: 'Spot instance termination' }
      : { code: 'Server.InternalError', message: 'Internal error on launch' };
    const nowMs = Date.now();
    this.#cloud.end(instance, 'terminate', reason, nowMs, 0);
    if (vanish) instance.vanishesMs = nowMs;
    this.#log.write({ kind: 'machine', operation: 'killed', outcome: 'ok', workerId: instanceId, vanish });
    this.follow([], [instanceId]);
  }

  #startAgent(instance: Instance): void {
    const { instanceId } = instance;
    this.#agents.start({
      workerId: instanceId,
      bootAtMs: this.#cloud.launchOf(instance).launchedMs + this.#bootMs,
      introduce: introduceInstance(`${this.#simulatorUrl}/metadata/${instanceId}`),
      shutDown: () => this.#shutDown(instance),
    });
  }

  /** As `shutdown` inside the machine does: it ends as its launch said. */
  #shutDown(instance: Instance): void {
    const how = this.#cloud.launchOf(instance).shutdownBehaviour;
    const reason = { code: 'Client.InstanceInitiatedShutdown', message: 'Instance initiated shutdown' };
    this.#cloud.end(instance, how, reason, Date.now());
    this.#log.write({ kind: 'machine', operation: 'shut down', outcome: 'ok', workerId: instance.instanceId, how });
    this.follow([], [instance.instanceId]);
  }

  #find(instanceId: string): Instance {
    const instance = this.#cloud.find(instanceId, Date.now());
    if (!instance) throw new Refusal('ResourceNotFound', `there is no machine ${instanceId}`, 404);
    return instance;
  }
}
