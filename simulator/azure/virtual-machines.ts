import type { Agents } from '../machines/agents.js';
import type { RequestLog } from '../request-log.js';
import { textAt } from '../members.js';
import type { Arm } from './arm.js';
import { deleteResource } from './delete-resource.js';
import { same } from './lists.js';
import { introduceVirtualMachine } from './metadata.js';
import type { Resource } from './resource.js';

/** Azure's machines and what runs in them. */
export class VirtualMachines {
  /** From running until the worker-runner starts. */
  readonly #bootMs: number;
  readonly #arm: Arm;
  readonly #agents: Agents;
  readonly #log: RequestLog;
  #simulatorUrl = '';

  constructor(bootMs: number, arm: Arm, agents: Agents, log: RequestLog) {
    this.#bootMs = bootMs;
    this.#arm = arm;
    this.#agents = agents;
    this.#log = log;
  }

  /** Starts the agents of all running machines; called once the port is open. */
  start(simulatorUrl: string): void {
    this.#simulatorUrl = simulatorUrl;
    this.follow(
      [...this.#arm.store.resources()].filter((one) => one.machine?.power === 'running'),
      [],
    );
    this.#arm.start();
  }

  follow(running: readonly Resource[], ended: readonly string[]): void {
    for (const vm of running) {
      this.#agents.start({
        workerId: vm.name,
        bootAtMs: (vm.machine?.runningSinceMs ?? 0) + this.#bootMs,
        introduce: introduceVirtualMachine(`${this.#simulatorUrl}/azure-metadata/${encodeURIComponent(vm.name)}`),
        shutDown: () => this.#shutDown(vm),
      });
    }
    for (const name of ended) this.#agents.end(name);
  }

  find(name: string): Resource | undefined {
    return this.#arm.run((store) => store.machine(name));
  }

  /**
   * Azure takes a machine away: a spot machine goes as its eviction policy says, any other stops. With `vanish` its
   * record is gone at once, and what it held stays.
   */
  kill(vm: Resource, vanish: boolean): void {
    this.#log.write({ kind: 'machine', operation: 'killed', outcome: 'ok', workerId: vm.name, vanish });
    if (vanish) return this.#arm.vanish(vm);
    const evicted = same(textAt(vm.properties, 'priority'), 'Spot');
    if (evicted && same(textAt(vm.properties, 'evictionPolicy'), 'Delete')) {
      this.#arm.run((store, nowMs) => deleteResource(store, vm, { how: 'succeed' }, nowMs));
      return;
    }
    this.#arm.stopMachine(vm, evicted ? 'deallocated' : 'stopped');
  }

  /** Lists and instance views miss it for a while. */
  hide(vm: Resource, forMs: number): void {
    if (vm.machine) vm.machine.hiddenUntilMs = Date.now() + forMs;
  }

  /** As `shutdown` inside does: the machine is stopped, and goes on costing until somebody deletes it. */
  #shutDown(vm: Resource): void {
    this.#arm.stopMachine(vm, 'stopped');
    this.#log.write({ kind: 'machine', operation: 'shut down', outcome: 'ok', workerId: vm.name, how: 'stop' });
  }
}
