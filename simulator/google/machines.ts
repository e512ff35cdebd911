import type { Agents } from '../machines/agents.js';
import { parseUserData, readMetadata, type Introduce } from '../machines/registration.js';
import type { RequestLog } from '../request-log.js';
import type { Compute } from './compute.js';
import type { Instance } from './resource.js';

/** Google's machines and what runs in them. Their workers go by the machine's number. */
export class GoogleMachines {
  /** From an insertion's acceptance until the worker-runner starts, whatever the operation does. */
  readonly #bootMs: number;
  readonly #compute: Compute;
  readonly #agents: Agents;
  readonly #log: RequestLog;
  #simulatorUrl = '';

  constructor(bootMs: number, compute: Compute, agents: Agents, log: RequestLog) {
    this.#bootMs = bootMs;
    this.#compute = compute;
    this.#agents = agents;
    this.#log = log;
  }

  /** Starts the agents of all living machines; called once the port is open. */
  start(simulatorUrl: string): void {
    this.#simulatorUrl = simulatorUrl;
    this.#compute.start();
  }

  /** New machines boot; ended ones fall silent. */
  follow(booting: readonly Instance[], ended: readonly string[]): void {
    for (const instance of booting) this.#startAgent(instance);
    for (const id of ended) this.#agents.end(id);
  }

  find(id: string): Instance | undefined {
    return this.#compute.run((store) => store.instance(id));
  }

  /** Preempted, or its host fails; with `vanish` nothing is left that tells of it. */
  kill(instance: Instance, vanish: boolean): void {
    this.#log.write({ kind: 'machine', operation: 'killed', outcome: 'ok', workerId: instance.id, vanish });
    if (vanish) this.#compute.vanish(instance);
    else this.#compute.preempt(instance);
  }

  #startAgent(instance: Instance): void {
    const { id } = instance;
    this.#agents.start({
      workerId: id,
      bootAtMs: this.#compute.store.orderOf(instance).createdMs + this.#bootMs,
      introduce: introduceGoogleMachine(`${this.#simulatorUrl}/google-metadata/${id}/computeMetadata/v1`),
      shutDown: () => {
        this.#log.write({ kind: 'machine', operation: 'shut down', outcome: 'ok', workerId: id, how: 'stop' });
        this.#compute.shutDown(instance);
      },
    });
  }
}

const flavor = { 'metadata-flavor': 'Google' };

/** The metadata that its worker manager gave it, and a token for that worker manager, requested once. */
const introduceGoogleMachine =
  (metadataUrl: string): Introduce =>
  async (signal) => {
    const text = await readMetadata(`${metadataUrl}/instance/attributes/taskcluster`, signal, flavor).catch(() => '');
    const userData = parseUserData(text);
    if (!userData) return null;
    const query = new URLSearchParams({ audience: userData.rootUrl, format: 'full' });
    const identity = `${metadataUrl}/instance/service-accounts/default/identity?${query.toString()}`;
    return { userData, proof: { token: await readMetadata(identity, signal, flavor) } };
  };
