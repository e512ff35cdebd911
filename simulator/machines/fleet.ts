import type { Cloud } from '../ec2/cloud.js';
import type { Instance } from '../ec2/instance.js';
import { Refusal } from '../errors.js';
import type { Queue } from '../queue/queue.js';
import type { RequestLog } from '../request-log.js';
import { Agent, type AgentMemory, type AgentTimes } from './agent.js';

export interface FleetOptions {
  /** Off: machines exist, and nothing runs in them. */
  readonly agents: boolean;
  /** From the launch until the worker-runner starts. */
  readonly bootMs: number;
  readonly leaveBy: 'shutdown' | 'remove';
  /** After the death of a machine its tasks count as claimed for so long. */
  readonly claimTimeoutMs: number;
  readonly times: AgentTimes;
}

/** The agents of all machines that live. */
export class Fleet {
  readonly #options: FleetOptions;
  readonly #cloud: Cloud;
  readonly #queue: Queue;
  readonly #log: RequestLog;
  readonly #changed: () => void;
  readonly #agents = new Map<string, Agent>();
  #simulatorUrl = '';

  constructor(options: FleetOptions, cloud: Cloud, queue: Queue, log: RequestLog, changed: () => void) {
    this.#options = options;
    this.#cloud = cloud;
    this.#queue = queue;
    this.#log = log;
    this.#changed = changed;
  }

  /** Starts the agents of all living machines, with what they remember; called once the port is open. */
  start(simulatorUrl: string, memories: Readonly<Record<string, AgentMemory>>): void {
    this.#simulatorUrl = simulatorUrl;
    for (const instance of this.#cloud.all(Date.now())) {
      if (instance.endingMs === null) this.#startAgent(instance, memories[instance.instanceId]);
    }
  }

  /** New machines boot; ended ones fall silent. */
  follow(created: readonly string[] = [], ended: readonly string[] = []): void {
    for (const instanceId of created) {
      const instance = this.#cloud.find(instanceId, Date.now());
      if (instance) this.#startAgent(instance);
    }
    for (const instanceId of ended) this.#stopAgent(instanceId);
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

  /** The agent in a living machine, to make it do something out of its order. */
  agent(instanceId: string): Agent {
    const agent = this.#agents.get(instanceId);
    if (!agent) throw new Refusal('ResourceNotFound', `no agent runs in ${instanceId}`, 404);
    return agent;
  }

  registered(instanceId: string): boolean {
    return this.#agents.get(instanceId)?.memory.registration != null;
  }

  snapshot(): Record<string, AgentMemory> {
    return Object.fromEntries([...this.#agents].map(([instanceId, agent]) => [instanceId, agent.memory]));
  }

  stop(): void {
    for (const agent of this.#agents.values()) agent.kill();
    this.#agents.clear();
  }

  #startAgent(instance: Instance, memory?: AgentMemory): void {
    if (!this.#options.agents || this.#agents.has(instance.instanceId)) return;
    const { instanceId } = instance;
    const agent = new Agent(instanceId, memory ?? { registration: null, work: [], idleSinceMs: Date.now() }, {
      metadataUrl: `${this.#simulatorUrl}/metadata/${instanceId}`,
      queue: this.#queue,
      log: this.#log,
      times: this.#options.times,
      leaveBy: this.#options.leaveBy,
      shutDown: () => this.#shutDown(instance),
      changed: this.#changed,
    });
    this.#agents.set(instanceId, agent);
    void agent.run(this.#cloud.launchOf(instance).launchedMs + this.#options.bootMs);
  }

  /** As `shutdown` inside the machine does: it ends as its launch said. */
  #shutDown(instance: Instance): void {
    const how = this.#cloud.launchOf(instance).shutdownBehaviour;
    const reason = { code: 'Client.InstanceInitiatedShutdown', message: 'Instance initiated shutdown' };
    this.#cloud.end(instance, how, reason, Date.now());
    this.#log.write({ kind: 'machine', operation: 'shut down', outcome: 'ok', workerId: instance.instanceId, how });
    this.follow([], [instance.instanceId]);
  }

  #stopAgent(instanceId: string): void {
    this.#agents.get(instanceId)?.kill();
    this.#agents.delete(instanceId);
    this.#queue.expireClaims(instanceId, Date.now() + this.#options.claimTimeoutMs);
  }

  #find(instanceId: string): Instance {
    const instance = this.#cloud.find(instanceId, Date.now());
    if (!instance) throw new Refusal('ResourceNotFound', `there is no machine ${instanceId}`, 404);
    return instance;
  }
}
