import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startSimulator, type SimulatorHandle } from '../../../dev/testing/simulator.js';
import { startGcplocal } from '../../support/gcplocal.js';
import type { RunningServer } from '../../support/python-server.js';
import {
  done,
  get,
  googleClients,
  insert,
  list,
  names,
  quick,
  refusalOf,
  remove,
  single,
  type GoogleClients,
} from './google.js';

let simulator: SimulatorHandle;
let gcplocal: RunningServer;
beforeAll(async () => {
  simulator = await startSimulator(quick);
  gcplocal = await startGcplocal();
});
afterAll(async () => {
  await gcplocal.stop();
  await simulator.stop();
});

const last = (url: string | null | undefined): string | undefined => url?.split('/').at(-1);

/** What both can be asked, and how they answer. Whatever one of them alone has, or each has of its own, is left out. */
async function life(clients: GoogleClients) {
  const begun = await insert(clients, single('one', { scheduling: { preemptible: true } }));
  const ended = await done(clients, begun);
  await insert(clients, single('two'));
  const machine = await get(clients, 'one');
  const listed = await list(clients);
  const page = await list(clients, { maxResults: 1 });
  const rest = await list(clients, { maxResults: 1, pageToken: page.nextPageToken });
  const removed = await remove(clients, 'one');
  const gone = await done(clients, removed);
  return {
    operations: [begun, ended, removed, gone].map(({ kind, operationType, zone: place }) => [
      kind,
      operationType,
      last(place),
    ]),
    failed: [ended.error, gone.error].filter(Boolean),
    target: last(ended.targetLink),
    shown: {
      ...{
        kind: machine.kind,
        name: machine.name,
        labels: machine.labels,
        preemptible: machine.scheduling?.preemptible,
      },
      machineType: last(machine.machineType),
      zone: last(machine.zone),
      disk: [machine.disks?.[0]?.boot, machine.disks?.[0]?.autoDelete],
      link: last(machine.selfLink),
      numbered: /^\d+$/.test(String(machine.id)),
    },
    listed: names(listed),
    pages: [names(page), names(rest)],
    left: names(await list(clients)),
    afterwards: (await refusalOf(get(clients, 'one'))).status,
    again: (await refusalOf(remove(clients, 'one'))).status,
  };
}

describe('Google’s client', () => {
  test('Google’s client meets the same single machines here as in gcplocal', async () => {
    const port = Number(new URL(gcplocal.endpoint).port);
    const [here, there] = await Promise.all([googleClients(simulator).then(life), googleClients({ port }).then(life)]);
    expect(here).toEqual(there);
    expect(here).toMatchObject({ listed: ['one', 'two'], left: ['two'], afterwards: 404 });
  });
});
