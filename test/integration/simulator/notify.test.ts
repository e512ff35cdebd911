import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import taskcluster from 'taskcluster-client';
import { startSimulator, type SimulatorHandle } from '../../../dev/testing/simulator.js';

const folder = mkdtempSync(join(tmpdir(), 'worker-manager-notify-'));
const mailer = { clientId: 'project/mailer', accessToken: 'access-token-of-the-mailer' };
const mail = { address: 'owner@example.com', subject: 'a subject', content: 'a text' };
let simulator: SimulatorHandle;
beforeAll(async () => {
  simulator = await startSimulator({ machines: 'off', log: join(folder, 'requests.jsonl') });
});
afterAll(async () => {
  await simulator.stop();
  rmSync(folder, { recursive: true });
});
beforeEach(async () => {
  await simulator.reset();
  await simulator.setAuthClient(mailer.clientId, {
    ...{ accessToken: mailer.accessToken, scopes: ['notify:email:owner@example.com'] },
  });
});

const email = (changes: object = {}, credentials = mailer) =>
  new taskcluster.Notify({ rootUrl: simulator.url, credentials, retries: 0 }).email({ ...mail, ...changes });
const sent = () => simulator.log().filter(({ kind, outcome }) => kind === 'notify' && outcome === 'ok');

test('the notify service takes mail of a client that may send to the address, and logs it', async () => {
  const before = sent().length;
  await email();
  expect(sent().slice(before)).toMatchObject([mail]);
});

test('the notify service refuses mail without credentials, without the scope and of another form', async () => {
  const before = sent().length;
  await expect(email({}, { ...mailer, accessToken: 'not-the-access-token-of-it' })).rejects.toMatchObject({
    ...{ statusCode: 401 },
  });
  await expect(email({ address: 'owner@elsewhere.com' })).rejects.toMatchObject({ statusCode: 403 });
  await expect(email({ subject: 's'.repeat(256) })).rejects.toMatchObject({ statusCode: 400 });
  await expect(email({ html: '<p>' })).rejects.toMatchObject({ statusCode: 400 });
  expect(sent()).toHaveLength(before);
});

test('the notify service fails and loses connections as faults say', async () => {
  await simulator.addFault({ operation: 'email', mode: 'refuse', code: 'InternalServerError', status: 500 });
  await expect(email()).rejects.toMatchObject({ statusCode: 500 });
  await simulator.addFault({ operation: 'email', mode: 'lose-answer' });
  const before = sent().length;
  await expect(email()).rejects.not.toHaveProperty('statusCode');
  expect(sent()).toHaveLength(before + 1);
});
