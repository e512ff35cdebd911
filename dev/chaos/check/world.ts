/** What exists in the simulated clouds at one instant, as the simulator's controls show it. */

export interface CloudMachine {
  readonly id: string;
  readonly pool: string | null;
  /** The launch that it says it is of; Google's machines say it in their description. */
  readonly token: string | null;
  /** It goes away by itself, or has gone. */
  readonly isEnding: boolean;
  readonly registered: boolean;
  readonly isPlanted: boolean;
}

export interface World {
  readonly at: number;
  readonly machines: readonly CloudMachine[];
  /** Whatever else of Azure and Google exists: names or ids with the worker that they say they are of. */
  readonly parts: readonly { readonly id: string; readonly workerId: string | null }[];
}

interface MachineView {
  readonly instanceId: string;
  readonly state: string;
  readonly registered: boolean;
  readonly workerPoolId: string | null;
  readonly clientToken: string | null;
  readonly tags: Readonly<Record<string, string>>;
}

/** On what the harness planted as somebody else's. */
export const PLANTED_TAG = 'planted-by-chaos';
const LAUNCH_TAG = 'worker-manager-launch';
const ENDING = ['shutting-down', 'terminated'];

export class WorldReader {
  readonly #simulatorUrl: string;

  constructor(simulatorUrl: string) {
    this.#simulatorUrl = simulatorUrl;
  }

  async read(): Promise<World> {
    const { machines } = await this.#get<{ machines: MachineView[] }>('machines');
    const azure = await this.#get<{ resources: AzureResource[]; deployments: string[] }>('azure/resources');
    const google = await this.#get<{ instances: GoogleInstance[]; disks: GoogleDisk[] }>('google/state');
    const planted = google.instances.filter(({ labels }) => PLANTED_TAG in (labels ?? {})).map(({ name }) => name);
    const isPlanted = ({ users = [] }: GoogleDisk) =>
      planted.some((name) => users.some((user) => user.endsWith(`/${name}`)));
    const described = new Map(google.instances.map(({ id, description }) => [id, description ?? '']));
    const tokenOf = ({ instanceId, tags }: MachineView): string | null => {
      const description = described.get(instanceId);
      if (description === undefined) return tags[LAUNCH_TAG] ?? null;
      return /^launch (\S+) of worker pool /.exec(description)?.[1] ?? null;
    };
    const others = azure.resources.filter(({ type }) => !type.endsWith('/virtualMachines'));
    return {
      at: Date.now(),
      machines: machines.map((machine) => ({
        id: machine.instanceId,
        pool: machine.workerPoolId,
        token: tokenOf(machine),
        isEnding: ENDING.includes(machine.state),
        registered: machine.registered,
        isPlanted: PLANTED_TAG in machine.tags,
      })),
      parts: [
        ...others.map(({ id, tags }) => ({ id, workerId: tags['worker-id'] ?? null })),
        ...azure.deployments.map((id) => ({ id, workerId: null })),
        ...google.disks.filter((disk) => !isPlanted(disk)).map(({ name }) => ({ id: name, workerId: null })),
      ],
    };
  }

  async #get<T>(path: string): Promise<T> {
    const answer = await fetch(`${this.#simulatorUrl}/simulator/${path}`);
    if (!answer.ok) throw new Error(`the simulator answered ${path} with ${answer.status}`);
    return (await answer.json()) as T;
  }
}

interface AzureResource {
  readonly id: string;
  readonly type: string;
  readonly tags: Readonly<Record<string, string>>;
}

interface GoogleInstance {
  readonly id: string;
  readonly name: string;
  readonly description?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

interface GoogleDisk {
  readonly name: string;
  readonly users?: readonly string[];
}
