import { join } from 'node:path';
import { createServer, type Server } from 'node:net';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { freePort } from '../../../dev/servers/ports.js';
import { awsPool } from '../../../dev/testing/api-client.js';
import { PATIENCE_MS, SYSTEM_TIMEOUT_MS } from '../../../dev/testing/patience.js';
import { createDatabase } from '../../../dev/testing/postgres.js';
import { ProductProcess, type Role } from '../../../dev/testing/product.js';
import { startSystem, type System } from '../../../dev/testing/system.js';

jest.setTimeout(SYSTEM_TIMEOUT_MS);

/** What does not answer is given up by then, beside the time that every start takes. */
const GIVEN_UP_MS = 25_000;
let system: System;
let starts = 0;
/** Of `cases`, which all start at once. */
let outcomes: Map<string, Outcome>;

beforeAll(async () => {
  system = await startSystem({ database: 'pglite', roles: 'all' });
  outcomes = new Map(
    await Promise.all(
      cases.map(async ([what, changes, , , role]) => [what, await start(await changes(), role)] as const),
    ),
  );
});
afterAll(async () => await system?.stop());

interface Outcome {
  readonly code: number | null;
  readonly lines: readonly string[];
  readonly tookMs: number;
}

/**
 * Starts with a changed configuration, and gives the exit code, the lines of stderr and stdout, and the time it took.
 */
async function start(changes: Readonly<Record<string, unknown>>, role: Role = 'all'): Promise<Outcome> {
  starts += 1;
  const own = { server: { port: 0 }, metrics: { port: 0 } };
  const config = system.writeConfig({ ...own, ...changes }, `bad-${starts}.json`);
  const begun = Date.now();
  const process = new ProductProcess(
    ['serve', '--role', role, '--config', config],
    join(system.folder, `bad-${starts}.log`),
  );
  const timer = setTimeout(() => void process.signal('SIGKILL'), PATIENCE_MS);
  const { code } = await process.ended;
  clearTimeout(timer);
  // What it logged before it failed is JSON; what it tells a person is not.
  const lines = process
    .output()
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('{'));
  return { code, lines, tookMs: Date.now() - begun };
}

async function listenOn(port: number): Promise<Server> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return server;
}

/** Nobody listens there. */
const nowhere = async () => `127.0.0.1:${await freePort()}`;
const postgres = async () => ({ database: { url: await createDatabase() } });

const cases: [string, () => Promise<Readonly<Record<string, unknown>>>, number, RegExp, Role][] = [
  ['an unknown key', async () => ({ provisioning: { colour: 'red' } }), 1, /provisioning.*colour/, 'all'],
  [
    'auth.type taskcluster and no issuer',
    async () => ({ auth: { type: 'taskcluster' } }),
    1,
    /issuer: is needed with auth\.type taskcluster/,
    'all',
  ],
  [
    'codec keys, which are not built yet',
    async () => ({ temporal: { codecKeys: ['AAAA'] } }),
    1,
    /codecKeys.*not built yet/,
    'all',
  ],
  ['a wrong value', async () => ({ intervals: { demandSeconds: 'often' } }), 1, /intervals\.demandSeconds/, 'all'],
  [
    'a Temporal that cannot be reached',
    async () => ({ ...(await postgres()), temporal: { address: await nowhere() } }),
    2,
    /temporal\.address.*cannot be reached/,
    'all',
  ],
  [
    'a database that cannot be reached',
    async () => ({ database: { url: `postgres://user:hidden-password@${await nowhere()}/records` } }),
    2,
    /database\.url.*cannot be reached/,
    'all',
  ],
  ['the database of a process that runs', async () => ({}), 1, /database\.url.*(in use|process)/, 'all'],
  ['one role on PGlite', async () => ({ database: { url: 'pglite::memory:' } }), 1, /--role api.*PGlite/, 'api'],
  ['the namespace of another deployment', postgres, 1, /temporal\.namespace.*belongs to deployment/, 'all'],
];

/** Of the starts that need not wait for any answer. */
const longestStartMs = () => Math.max(...[...outcomes.values()].map(({ code, tookMs }) => (code === 1 ? tookMs : 0)));

test.each(cases)('serve with %s ends with one clear line', (what, _changes, expected, says) => {
  const { code, lines, tookMs } = outcomes.get(what)!;
  expect({ code, lines }).toEqual({ code: expected, lines: [expect.stringMatching(says)] });
  expect(lines[0]).toMatch(/^worker-manager: /);
  expect(lines[0]).not.toContain('hidden-password');
  expect(tookMs).toBeLessThan(longestStartMs() + GIVEN_UP_MS);
});

test('a provider with live workers cannot be removed from the configuration', async () => {
  await system.api.createPool('bad/start', awsPool({ minCapacity: 2 }));
  await system.waitFor(async () => (await system.api.counts('bad/start')).running === 2, 'two workers');
  expect(await system.sigterm('all')).toEqual({ code: 0, signal: null });
  const { code, lines } = await start({ providers: { aws: undefined, hand: { providerType: 'static' } } });
  expect({ code, lines }).toEqual({
    code: 1,
    lines: [expect.stringMatching(/providers\.aws: 2 workers of it are alive/)],
  });
});

test('a provider with live workers cannot change its account', async () => {
  if (!system.process('all').hasEnded) await system.sigterm('all');
  const { code, lines } = await start({ providers: { aws: { endpoint: null } } });
  expect({ code, lines }).toEqual({
    code: 1,
    lines: [
      expect.stringMatching(
        /providers\.aws: 2 workers of it are alive in AWS at an emulator, and it now means AWS at Amazon’s own endpoints; change it back, with draining: true/,
      ),
    ],
  });
});

test.each(['server', 'metrics'])('a start whose port of %s is in use ends with one clear line', async (section) => {
  if (!system.process('all').hasEnded) await system.sigterm('all');
  const port = await freePort();
  const other = await listenOn(port);
  try {
    const { code, lines } = await start({ [section]: { port } });
    expect({ code, lines }).toEqual({
      code: 1,
      lines: [expect.stringMatching(`${section}\\.port: ${port} is in use`)],
    });
  } finally {
    other.close();
  }
});

test('the running deployment goes on unchanged after the bad starts', async () => {
  if (system.process('all').hasEnded) await system.start();
  const { running } = await system.api.counts('bad/start');
  expect(running).toBe(2);
});
