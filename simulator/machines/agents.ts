import { Refusal } from '../errors.js';
import type { Queue } from '../queue/queue.js';
import type { RequestLog } from '../request-log.js';
import { Agent, type AgentMemory, type AgentTimes } from './agent.js';
import type { Introduce } from './registration.js';

export interface AgentsOptions {
  /** Off: machines exist, and nothing runs in them. */
  readonly agents: boolean;
  readonly leaveBy: 'shutdown' | 'remove';
  /** After the death of a machine its tasks count as claimed for so long. */
  readonly claimTimeoutMs: number;
  readonly times: AgentTimes;
}

/** A machine, as far as its agent needs one. */
export interface Host {
  readonly workerId: string;
  readonly bootAtMs: number;
  readonly introduce: Introduce;
  /** The operating system's `shutdown`. */
  readonly shutDown: () => void;
}

/** The agents in all living machines, of whatever cloud. */
export class Agents {
  readonly #options: AgentsOptions;
  readonly #queue: Queue;
  readonly #log: RequestLog;
  readonly #changed: () => void;
  readonly #agents = new Map<string, Agent>();
  #memories: Record<string, AgentMemory> = {};

  /** How long claims linger of a worker that is dead or hangs. */
  claimTimeoutMs: number;

  constructor(options: AgentsOptions, queue: Queue, log: RequestLog, changed: () => void) {
    this.#options = options;
    this.claimTimeoutMs = options.claimTimeoutMs;
    this.#queue = queue;
    this.#log = log;
    this.#changed = changed;
  }

  /** What agents knew before the simulator was restarted; each takes up its own when it starts. */
  restore(memories: Readonly<Record<string, AgentMemory>>): void {
    this.#memories = { ...memories };
  }

  start(host: Host): void {
    if (!this.#options.agents || this.#agents.has(host.workerId)) return;
    const memory = this.#memories[host.workerId] ?? { registration: null, work: [], idleSinceMs: Date.now() };
    // A later machine of the same name must not take it up again.
    delete this.#memories[host.workerId];
    const agent = new Agent(host.workerId, memory, {
      introduce: host.introduce,
      queue: this.#queue,
      log: this.#log,
      times: this.#options.times,
      leaveBy: this.#options.leaveBy,
      shutDown: host.shutDown,
      changed: this.#changed,
    });
    this.#agents.set(host.workerId, agent);
    void agent.run(host.bootAtMs);
  }

  /** The machine is gone; its tasks come back after the claim's timeout. */
  end(workerId: string): void {
    this.#agents.get(workerId)?.kill();
    this.#agents.delete(workerId);
    this.#queue.expireClaims(workerId, Date.now() + this.claimTimeoutMs);
  }

  /** It stops working and its machine runs on: nobody reclaims its tasks. */
  hang(workerId: string): void {
    this.get(workerId).hang();
    this.#queue.expireClaims(workerId, Date.now() + this.claimTimeoutMs);
  }

  /** The agent in a living machine, to make it do something out of its order. */
  get(workerId: string): Agent {
    const agent = this.#agents.get(workerId);
    if (!agent) throw new Refusal('ResourceNotFound', `no agent runs in ${workerId}`, 404);
    return agent;
  }

  registered(workerId: string): boolean {
    return this.#agents.get(workerId)?.memory.registration != null;
  }

  snapshot(): Record<string, AgentMemory> {
    return Object.fromEntries([...this.#agents].map(([workerId, agent]) => [workerId, agent.memory]));
  }

  stop(): void {
    this.claimTimeoutMs = this.#options.claimTimeoutMs;
    for (const agent of this.#agents.values()) agent.kill();
    this.#agents.clear();
    this.#memories = {};
  }
}
