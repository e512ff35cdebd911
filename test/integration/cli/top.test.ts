import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { eventually } from '../../../dev/testing/eventually.js';
import { launchMachines, poolDefinition, startTestApi, type TestApi } from '../../support/api.js';
import { onTerminal, type Terminal } from '../../support/terminal.js';

const TOKEN = 'token-of-an-operator-0123456789';
const ENTER = '\r';
const ESCAPE = '\u001B';
const clients = [{ clientId: 'ops', accessToken: TOKEN, scopes: ['*'] }];
const asOps = { authorization: `Bearer ${TOKEN}` };

let api: TestApi;
let terminal: Terminal;
beforeAll(async () => {
  api = await startTestApi({ auth: { type: 'static', clients } });
  for (const pool of ['proj-ci/linux', 'proj-ci/windows']) {
    await api.call('PUT', `/worker-pool/${encodeURIComponent(pool)}`, poolDefinition, asOps);
  }
  await launchMachines(api, 'proj-ci/linux', ['i-1', 'i-2'], asOps);
  api.clock.ms = Date.now() + 1_000;
  const url = await api.app.listen({ host: '127.0.0.1', port: 0 });
  terminal = onTerminal([process.execPath, join('bin', 'worker-manager'), 'top'], {
    ...process.env,
    ...{ NODE_OPTIONS: '', WORKER_MANAGER_URL: url, WORKER_MANAGER_TOKEN: TOKEN },
  });
});
afterAll(async () => {
  terminal?.stop();
  await api?.close();
});

const expectScreen = (...texts: readonly RegExp[]) =>
  eventually(() => texts.every((text) => text.test(terminal.screen())), {
    withinMs: 60_000,
    what: `a screen with ${texts.join(', ')}; it is:\n${terminal.screen()}`,
  });

const holds = async (): Promise<readonly object[]> => (await api.call('GET', '/holds', undefined, asOps)).body.holds;

test('top draws all pools, and those that the filter lets through', async () => {
  await expectScreen(/^2 pools .* 2 requested .*live/, /proj-ci\/linux +cloud/, /proj-ci\/windows +cloud/);
  terminal.press('/');
  terminal.press('windows');
  await expectScreen(/^\/windows_/m, /proj-ci\/windows/);
  expect(terminal.screen()).not.toContain('proj-ci/linux');
  terminal.press(ENTER);
  await expectScreen(/^filter: windows/m);
});

test('top holds a pool only once a reason was given and confirmed, and releases it', async () => {
  terminal.press('h');
  await expectScreen(/^Hold proj-ci\/windows\? Reason/m);
  terminal.press(ESCAPE);
  await expectScreen(/^filter: windows/m);
  expect(await holds()).toEqual([]);

  terminal.press('h');
  terminal.press('bad image');
  await expectScreen(/escape: no: bad image/);
  terminal.press(ENTER);
  await expectScreen(/proj-ci\/windows: held/, /proj-ci\/windows .* held/);
  expect(await holds()).toMatchObject([{ scope: 'proj-ci/windows', clientId: 'ops', reason: 'bad image' }]);

  terminal.press('h');
  await expectScreen(/^Release proj-ci\/windows\?/m);
  terminal.press('y');
  await expectScreen(/proj-ci\/windows: released/);
  expect(await holds()).toEqual([]);
});

test('top explains what is selected, and shows a pool’s workers', async () => {
  terminal.press('e');
  await expectScreen(/Cause +no-record/);
  terminal.press(' ');
  await expectScreen(/filter: windows/);
  terminal.press(ESCAPE);
  await expectScreen(/proj-ci\/linux/);
  terminal.press('/');
  terminal.press('linux');
  terminal.press(ENTER);
  terminal.press(ENTER);
  await expectScreen(/^proj-ci\/linux .*live/, /i-1 +requested/, /i-2 +requested/);
});

test('top leaves the terminal as it was, and has written no token', async () => {
  terminal.press('q');
  expect(await terminal.ended).toBe(0);
  expect(terminal.written()).toContain('\u001B[?1049l');
  expect(terminal.written()).not.toContain(TOKEN);
});
