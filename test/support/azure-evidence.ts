import type { LogLine } from '../../dev/testing/simulator.js';

/** What the simulator's log says against the product; it knows Azure's resources and our tags, and none of our code. */
export interface AzureEvidence {
  /** Ids of resources that were created more than once. */
  readonly createdTwice: readonly string[];
  /** What broke the order public IP → interface → machine, or machine → interface → public IP and disks. */
  readonly outOfOrder: readonly string[];
}

const WORKER_TAG = 'worker-id';
const buildingOrder = ['publicIPAddresses', 'networkInterfaces', 'virtualMachines'];
/** What must be gone before one of this type may be asked to go. */
const goesAfter: Readonly<Record<string, readonly string[]>> = {
  networkInterfaces: ['virtualMachines'],
  publicIPAddresses: ['virtualMachines', 'networkInterfaces'],
  disks: ['virtualMachines'],
};

// oxlint-disable-next-line complexity -- one branch for each kind of line
export function azureEvidence(log: readonly LogLine[]): AzureEvidence {
  const created = new Map<string, number>();
  const ownerOf = new Map<string, string>();
  /** By worker: ids that exist, and of these the ones still being built. */
  const exists = new Map<string, Set<string>>();
  const unfinished = new Map<string, Set<string>>();
  const outOfOrder: string[] = [];

  for (const line of log.filter(({ kind }) => kind === 'arm')) {
    const [, method = '', type = ''] = /^(PUT|DELETE) (\w+)$/.exec(line.operation) ?? [];
    for (const id of createdBy(line)) created.set(id, (created.get(id) ?? 0) + 1);
    const worker = line.tags?.[WORKER_TAG];
    if (isEndOfPart(line) && worker) {
      for (const id of createdBy(line)) {
        ownerOf.set(id, worker);
        of(exists, worker).add(id);
      }
    }
    if (method === 'PUT' && worker && line.created?.length && buildingOrder.includes(type)) {
      const open = of(unfinished, worker);
      if (open.size > 0) outOfOrder.push(`${worker}: ${type} was requested while ${[...open].join()} was not there`);
      for (const id of line.created) {
        ownerOf.set(id, worker);
        of(exists, worker).add(id);
        open.add(id);
      }
    }
    if (line.operation.startsWith('end of ')) {
      const id = String(line['resourceId']);
      unfinished.get(ownerOf.get(id) ?? '')?.delete(id);
      for (const gone of (line['deleted'] as string[] | undefined) ?? [])
        exists.get(ownerOf.get(gone) ?? '')?.delete(gone);
    }
    if (method === 'DELETE' && line.outcome === 'ok') {
      const owner = [...ownerOf].find(([id]) => typeOf(id) === type && id.endsWith(`/${String(line['name'])}`))?.[1];
      const early = [...(exists.get(owner ?? '') ?? [])].filter((id) => goesAfter[type]?.includes(typeOf(id)));
      if (early.length > 0) outOfOrder.push(`${owner}: ${type} was deleted before ${early.join()} had gone`);
    }
  }
  return { createdTwice: [...created].filter(([, times]) => times > 1).map(([id]) => id), outOfOrder };
}

/** Ids of whatever was created for a worker, as often as it was. */
export const createdFor = (log: readonly LogLine[], workerId: string): string[] =>
  log.filter(({ kind, tags }) => kind === 'arm' && tags?.[WORKER_TAG] === workerId).flatMap(createdBy);

/** No request names a part of a deployment: it is seen when it is done. */
const isEndOfPart = (line: LogLine): boolean =>
  line.operation.startsWith('end of PUT ') && typeof line['deploymentId'] === 'string';

const createdBy = (line: LogLine): readonly string[] =>
  isEndOfPart(line) ? [String(line['resourceId'])] : (line.created ?? []);

const typeOf = (id: string): string => id.split('/').at(-2) ?? '';

function of(sets: Map<string, Set<string>>, worker: string): Set<string> {
  const set = sets.get(worker) ?? new Set<string>();
  sets.set(worker, set);
  return set;
}
