import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { connect } from 'amqplib';
import { issuerScopes } from '../../../api/auth/credentials.js';
import { awsPool } from '../../../dev/testing/api-client.js';
import { TASK_PENDING_EXCHANGE } from '../../../domain/messages.js';
import { keptRows } from '../../support/kept-rows.js';
import { freePort } from '../../../dev/servers/ports.js';
import { createNamespace } from '../../../dev/testing/namespace.js';
import { SYSTEM_TIMEOUT_MS } from '../../../dev/testing/patience.js';
import { createDatabase, queryDatabase } from '../../../dev/testing/postgres.js';
import { ProductProcess } from '../../../dev/testing/product.js';
import { RabbitMq } from '../../../dev/testing/rabbitmq.js';
import { temporalAddress } from '../../../dev/testing/services.js';
import { startSystem, type System } from '../../../dev/testing/system.js';

jest.setTimeout(SYSTEM_TIMEOUT_MS);
let system: System;
let checks = 0;

beforeAll(async () => {
  system = await startSystem({ roles: 'all' });
});
afterAll(async () => await system?.stop());

async function check(changes: Readonly<Record<string, unknown>> = {}) {
  checks += 1;
  const config = system.writeConfig(changes, `check-${checks}.json`);
  const process = new ProductProcess(['check-config', '--config', config], join(system.folder, `check-${checks}.log`));
  const { code } = await process.ended;
  return { code, lines: process.output().trim().split('\n') };
}

/** For records that are not the system's: its own namespace belongs to its records. */
async function ownNamespace() {
  const { client, namespace } = await createNamespace(temporalAddress());
  await client.connection.close();
  return { temporal: { namespace } };
}

/** Everything that a database holds, as text: tables and their rows. */
const contentOf = async (url: string): Promise<string[]> => Object.entries(await keptRows(url)).flat(2);

test('check-config of a running deployment finds no problem', async () => {
  const { code, lines } = await check();
  expect({ code, lines }).toEqual({
    code: 0,
    lines: [
      'ok       database',
      'ok       temporal',
      'ok       demand, counts',
      'ok       demand, pending',
      'ok       demand, workers',
      'ok       demand, claimants',
      'ok       demand, worker',
      'ok       providers.aws',
    ],
  });
});

test('check-config warns of a scope that only charts need, and finds no problem', async () => {
  const refusal = { mode: 'refuse', code: 'InsufficientScopes', status: 403 } as const;
  const { id } = await system.simulator.addFault({ operation: 'listPendingTasks', ...refusal });
  const { code, lines } = await check();
  await system.simulator.releaseFault(id);
  expect({ code, lines: lines.filter((line) => !line.startsWith('ok ')) }).toEqual({
    code: 0,
    lines: [
      expect.stringMatching(
        /^warning {2}demand, pending: .*; it needs queue:pending-list:<pool>; without it nobody sees how long tasks/,
      ),
    ],
  });
});

test('check-config signs in at the broker, and says whether the queue publishes there', async () => {
  const broker = await RabbitMq.start();
  const pulseLines = async (url: string) => {
    const { code, lines } = await check({ pulse: { url } });
    return { code, lines: lines.filter((line) => line.includes(' pulse')) };
  };
  try {
    expect(await pulseLines(broker.url)).toEqual({
      code: 0,
      lines: [
        'ok       pulse: exchange/taskcluster-queue/v1/task-pending is not there; until the queue has declared it polls alone find new tasks',
      ],
    });
    const model = await connect(broker.url);
    await (await model.createChannel()).assertExchange(TASK_PENDING_EXCHANGE, 'topic', { durable: true });
    await model.close();
    expect(await pulseLines(broker.url)).toEqual({ code: 0, lines: ['ok       pulse'] });

    const refused = await pulseLines(broker.url.replace(':guest@', ':secret@'));
    expect(refused).toEqual({ code: 2, lines: [expect.stringMatching(/^problem {2}pulse: .*ACCESS_REFUSED/)] });
    expect(refused.lines.join()).not.toContain('secret');
  } finally {
    await broker.stop();
  }
});

describe('check-config with notify', () => {
  const mailer = { clientId: 'project/mailer', accessToken: 'access-token-of-the-mailer' };
  const notify = { type: 'taskcluster', credentials: mailer };
  const notifyLines = async (changes: Readonly<Record<string, unknown>>) => {
    const { code, lines } = await check(changes);
    return { code, lines: lines.filter((line) => line.includes(' notify')) };
  };
  const mails = () => system.simulator.log().filter(({ kind }) => kind === 'notify');

  test('check-config reaches the notify service, and says whether its client may send mail, without sending any', async () => {
    await system.simulator.setAuthClient(mailer.clientId, { accessToken: mailer.accessToken, scopes: ['notify:*'] });
    expect(await notifyLines({ notify })).toEqual({ code: 0, lines: ['ok       notify', 'ok       notify, client'] });

    const scopes = ['notify:email:*@example.com', 'notify:irc-channel:*'];
    await system.simulator.setAuthClient(mailer.clientId, { accessToken: mailer.accessToken, scopes });
    expect(await notifyLines({ notify })).toEqual({
      code: 1,
      lines: [
        'ok       notify',
        'problem  notify, client: project/mailer lacks notify:email:*; give it that scope, or owners hear of no errors',
      ],
    });
    expect(mails()).toEqual([]);
  });

  test('check-config says of the issuer, where notify has no client of its own, that it may not send mail', async () => {
    const issuer = { clientId: 'static/issuer', accessToken: 'access-token-of-this-issuer' };
    await system.simulator.setAuthClient(issuer.clientId, { accessToken: issuer.accessToken, scopes: [] });
    const { code, lines } = await notifyLines({ issuer, notify: { type: 'taskcluster' } });
    expect(code).toBe(1);
    expect(lines[1]).toMatch(/^problem {2}notify, client: static\/issuer lacks notify:email:\*; /);
  });

  test('check-config says that the deployment does not know the client of notify, or that there is no service', async () => {
    await system.simulator.removeAuthClient(mailer.clientId);
    expect(await notifyLines({ notify })).toEqual({
      code: 1,
      lines: [
        'ok       notify',
        expect.stringMatching(/^problem {2}notify, client: the auth service refuses these credentials: /),
      ],
    });
    const { code, lines } = await notifyLines({ notify, rootUrl: 'http://127.0.0.1:9' });
    expect(code).toBe(2);
    expect(lines).toEqual([
      expect.stringMatching(/^problem {2}notify: the notify service at http:\/\/127.0.0.1:9 does not answer: /),
      expect.stringMatching(/^problem {2}notify, client: the auth service at http:\/\/127.0.0.1:9 does not answer/),
    ]);
    expect(lines.join()).not.toContain(mailer.accessToken);
  });
});

test('check-config says of a broker that it cannot be reached, with its key', async () => {
  const { code, lines } = await check({ pulse: { url: `amqp://u:secret@127.0.0.1:${await freePort()}` } });
  expect(code).toBe(2);
  expect(lines).toContainEqual(expect.stringMatching(/^problem {2}pulse: .*ECONNREFUSED/));
  expect(lines.join()).not.toContain('secret');
});

test('check-config on an empty database says what is to be done to it, and does nothing', async () => {
  const url = await createDatabase();
  const { code, lines } = await check({ database: { url }, ...(await ownNamespace()) });
  expect(code).toBe(0);
  expect(lines[0]).toMatch(/^ok {7}database: \d+ migrations to apply; serve and migrate do$/);
  expect(await contentOf(url)).toEqual([]);
});

test('check-config on a database of the release before names the missing one, and leaves every row as it was', async () => {
  const url = await createDatabase();
  const config = system.writeConfig({ database: { url } }, 'migrate.json');
  await new ProductProcess(['migrate', '--config', config], join(system.folder, 'migrate.log')).ended;
  await queryDatabase(url, `delete from migrations where name = (select max(name) from migrations)`);
  const before = await contentOf(url);
  expect(before.length).toBeGreaterThan(10);
  const { code, lines } = await check({ database: { url }, ...(await ownNamespace()) });
  expect({ code, first: lines[0] }).toEqual({
    code: 0,
    first: 'ok       database: 1 migrations to apply; serve and migrate do',
  });
  expect(await contentOf(url)).toEqual(before);
});

test('check-config names a stored pool whose definition would be rejected today', async () => {
  await system.api.createPool('check/nowhere', awsPool({ regions: ['us-east-1'], maxCapacity: 0 }));
  await system.query(
    `update launch_config_revisions set configuration = jsonb_set(configuration, '{region}', '"xx-nowhere-1"')`,
  );
  const { code, lines } = await check({ providers: { aws: { regions: null } } });
  expect(code).toBe(1);
  expect(lines).toContainEqual(
    expect.stringMatching(/^problem {2}pool check\/nowhere: its definition would be refused now: .* xx-nowhere-1/),
  );
});

test('check-config names the scopes that the client of the queue lacks', async () => {
  for (const [operation, code] of [
    ['listWorkers', 'InsufficientScopes'],
    ['listClaimedTasks', 'InsufficientScopes'],
  ] as const) {
    await system.simulator.addFault({ operation, mode: 'refuse', code, status: 403 });
  }
  const { code, lines } = await check();
  expect(code).toBe(1);
  expect(lines.filter((line) => line.startsWith('problem  demand'))).toEqual([
    expect.stringMatching(
      /^problem {2}demand, workers: .* queue:list-workers:<pool>; without it no worker is found inactive/,
    ),
    expect.stringMatching(/^problem {2}demand, claimants: .* queue:claimed-list:<pool>;/),
  ]);
});

test('check-config creates no directory for an embedded database that does not exist yet', async () => {
  const directory = join(system.folder, 'no-database-yet');
  const { code, lines } = await check({ database: { url: `pglite:${directory}` }, ...(await ownNamespace()) });
  expect(code).toBe(0);
  expect(lines[0]).toMatch(/database: \d+ migrations to apply/);
  expect(existsSync(directory)).toBe(false);
});

test('check-config names the search attributes that a new namespace lacks, and does not register them', async () => {
  const namespace = `check-${Date.now()}`;
  const { workflowService, operatorService } = system.temporal.connection;
  await workflowService.registerNamespace({
    namespace,
    workflowExecutionRetentionPeriod: { seconds: 86_400 as never },
  });
  const temporal = { namespace };
  const line =
    'ok       temporal: search attributes WorkerPoolId, ProviderId, WorkerState, LaunchConfigId to register; serve does';
  await system.waitFor(async () => (await check({ temporal })).lines.includes(line), 'the namespace to be known');
  const { customAttributes } = await operatorService.listSearchAttributes({ namespace });
  expect(Object.keys(customAttributes)).not.toContain('WorkerPoolId');
});

test('check-config names at once everything for which serve would not start, and the provider that cannot be built', async () => {
  await system.api.createPool('check/alive', awsPool({ minCapacity: 1, maxCapacity: 1 }));
  await system.waitFor(async () => (await system.api.counts('check/alive')).running === 1, 'a running worker');
  const elsewhere = await createDatabase();
  const changes = {
    temporal: { taskQueuePrefix: 'another' },
    providers: {
      aws: undefined,
      unread: { providerType: 'aws', endpoint: system.simulator.ec2Endpoint, identityCertificates: '/no/such/file' },
      hand: { providerType: 'static' },
    },
  };
  const { code, lines } = await check(changes);
  expect({ code, lines: lines.filter((line) => !/^ok {7}(database|temporal|demand)/.test(line)) }).toEqual({
    code: 1,
    lines: [
      expect.stringMatching(/^problem {2}providers\.unread: identityCertificates: .*no\/such\/file/),
      'ok       providers.hand',
      expect.stringMatching(/^problem {2}temporal\.taskQueuePrefix: \d+ lifecycles are open under /),
      expect.stringMatching(/^problem {2}providers\.aws: 1 workers of it are alive; keep it, with draining: true/),
      'worker-manager: the configuration cannot be used as it is',
    ],
  });
  const { lines: others } = await check({ database: { url: elsewhere } });
  expect(others).toContainEqual(
    expect.stringMatching(
      /^problem {2}temporal\.namespace: .* belongs to deployment .*, and this database to none yet/,
    ),
  );
});

describe('check-config with auth.type taskcluster', () => {
  const issuer = { clientId: 'static/worker-manager', accessToken: 'access-token-of-the-issuer' };
  const authLines = async (rootUrl = system.simulator.url) => {
    const { code, lines } = await check({ auth: { type: 'taskcluster' }, issuer, rootUrl });
    return { code, lines: lines.filter((line) => line.includes(' auth')) };
  };

  test('check-config reaches the auth service, and says whether the issuer’s scopes suffice for workers', async () => {
    await system.simulator.setAuthClient(issuer.clientId, { accessToken: issuer.accessToken, scopes: issuerScopes });
    expect((await authLines()).lines).toEqual(['ok       auth', 'ok       auth, issuer']);

    const scopes = issuerScopes.filter((scope) => scope !== 'queue:claim-work:*');
    await system.simulator.setAuthClient(issuer.clientId, { accessToken: issuer.accessToken, scopes });
    const line = 'problem  auth, issuer: workers’ credentials would not hold; its client lacks queue:claim-work:*';
    expect(await authLines()).toEqual({ code: 1, lines: ['ok       auth', line] });
  });

  test('check-config says that the auth service does not know the issuer, or that there is none', async () => {
    await system.simulator.removeAuthClient(issuer.clientId);
    expect(await authLines()).toEqual({
      code: 1,
      lines: ['ok       auth', expect.stringMatching(/^problem {2}auth, issuer: the auth service refuses these/)],
    });
    const { code, lines } = await authLines('http://127.0.0.1:9');
    expect(code).toBe(2);
    expect(lines[0]).toMatch(
      /^problem {2}auth: the auth service at http:\/\/127.0.0.1:9 does not answer as it should: /,
    );
    expect(lines.join()).not.toContain(issuer.accessToken);
  });
});
