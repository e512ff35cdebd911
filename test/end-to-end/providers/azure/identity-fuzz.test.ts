import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { HOUR_MS } from '../../../../domain/durations.js';
import { lifecycleId } from '../../../../temporal/ids.js';
import type { WorkerResponse } from '../../../../dev/testing/api-client.js';
import { attestedContent, azureTime, certify, signAttested } from '../../../support/attested-documents.js';
import { AZURE_SUBSCRIPTION, azurePool } from '../../../../dev/testing/azure-pool.js';
import { azureSystem, expectNothingLeft } from '../../../support/azure-system.js';
import { cpuMsOf } from '../../../../dev/testing/cpu-time.js';
import { lastingRows } from '../../../support/kept-rows.js';
import { endPool } from '../../../support/pool-steps.js';
import {
  flipped,
  mangledBase64,
  nested,
  otherLengths,
  signedTextOf,
  spliced,
  wrongForms,
} from '../../../support/mangled-documents.js';
import { PATIENCE_MS } from '../../../../dev/testing/patience.js';
import { seededRuns } from '../../../support/seeded-random.js';
import { suiteOf } from '../../../support/suite.js';

/** Whatever anybody sends to the open registerWorker call of the running API. */

/** Each answer takes much less of the API's processor time. */
const MAX_CPU_MS = 1_500;
const BODY_LIMIT = 64 * 1024;
/** Characters that the body needs beside the document. */
const AROUND = 500;

const { system, newPool } = suiteOf('azure/fuzz', {
  ...azureSystem({ machines: 'off' }),
  // A guesser is slowed down by address. Behind a proxy each of these calls has an address of its own.
  config: { server: { trustProxy: 1 } },
});

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly cpuMs: number;
}

let addresses = 0;
async function post(body: string | Buffer, contentType = 'application/json'): Promise<Answer> {
  addresses += 1;
  const address = [10, addresses >> 16, (addresses >> 8) & 255, addresses & 255].join('.');
  const { pid } = system().process('api');
  const before = cpuMsOf(pid);
  const response = await fetch(`${system().api.url}/api/worker-manager/v1/worker/register`, {
    method: 'POST',
    headers: { 'content-type': contentType, 'x-forwarded-for': address },
    body: new Uint8Array(Buffer.from(body)),
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  return { status: response.status, text: await response.text(), cpuMs: cpuMsOf(pid) - before };
}

function expectRefused({ status, text, cpuMs }: Answer, codes: readonly string[], wantedStatus = 400): void {
  expect([status, text]).toEqual([wantedStatus, text]);
  const body = JSON.parse(text) as { code: string; message: string };
  expect(body).toEqual({
    code: expect.any(String),
    message: expect.stringContaining(`* errorCode:  ${body.code}\n* statusCode: ${wantedStatus}`),
    requestInfo: { method: 'registerWorker', params: {}, payload: '(OMITTED)', time: expect.any(String) },
  });
  expect(codes).toContain(body.code);
  expect(cpuMs).toBeLessThan(MAX_CPU_MS);
}

const shapes = ['InputValidationError', 'MalformedPayload', 'InputError'];

test('the API answers forged, foreign, expired, oversized and malformed documents with 400, writes nothing, and harms nobody', async () => {
  const pool = newPool();
  await system().api.createPool(pool, azurePool({ minCapacity: 2 }));
  const workers = await system().waitFor(async () => {
    const requested = await system().api.workers(pool, 'requested');
    return requested.length === 2 && requested;
  }, 'two requested workers');
  const [worker, another] = workers as [WorkerResponse, WorkerResponse];
  const { simulator } = system();
  const documentOf = async ({ workerId }: WorkerResponse, identityAttributes = {}): Promise<string> =>
    (await simulator.attestedDocument(workerId, identityAttributes)).document;
  await system().waitFor(async () => {
    const machines = (await simulator.machines()).filter(({ state }) => state === 'running');
    return machines.length === 2;
  }, 'both machines to run');

  const own = await documentOf(worker);
  const foreign = await documentOf(another);
  const key = { workerPoolId: pool, providerId: 'azure', workerGroup: worker.workerGroup, workerId: worker.workerId };
  const claim = (workerIdentityProof: unknown) => JSON.stringify({ ...key, workerIdentityProof });
  const refuse = async (document: string) => expectRefused(await post(claim({ document })), ['InputError']);
  const before = await lastingRows(system().databaseUrl);

  // Well signed, and not good.
  const nowMs = Date.now();
  await refuse(foreign);
  await refuse(await documentOf(worker, { subscriptionId: '99999999-2222-4333-8444-555555555555' }));
  const past = { createdOn: azureTime(nowMs - 7 * HOUR_MS), expiresOn: azureTime(nowMs - HOUR_MS) };
  await refuse(await documentOf(worker, { timeStamp: past }));
  const future = { createdOn: azureTime(nowMs + HOUR_MS), expiresOn: azureTime(nowMs + 7 * HOUR_MS) };
  await refuse(await documentOf(worker, { timeStamp: future }));
  for (const vmId of ['', 1, null, [], {}, true, 'x'.repeat(10_000)]) await refuse(await documentOf(worker, { vmId }));
  for (const timeStamp of [
    1,
    null,
    [],
    {},
    'now',
    { createdOn: 1, expiresOn: [] },
    { ...past, expiresOn: '99/99/99 99:99:99 -0000' },
  ])
    await refuse(await documentOf(worker, { timeStamp }));
  for (const subscriptionId of [1, [], {}, true]) await refuse(await documentOf(worker, { subscriptionId }));

  // Signed by somebody else, who knows all that a good document says.
  const { vmId } = JSON.parse(signedTextOf(own).text) as { vmId: string };
  const identityAttributes = { vmId, subscriptionId: AZURE_SUBSCRIPTION, createdMs: nowMs, expiresMs: nowMs + HOUR_MS };
  const root = certify({ name: 'Simulated root', issuer: null, nowMs });
  const addresses = [`${simulator.url}/azure/intermediate.crt`];
  for (const signer of [
    certify({ name: 'metadata.azure.com', issuer: null, nowMs, ca: false }),
    certify({ name: 'metadata.azure.com', issuer: root, nowMs, ca: false }),
    certify({ name: 'metadata.azure.com', issuer: root, nowMs, ca: false, addresses }),
    certify({ name: 'attacker.example.com', issuer: root, nowMs, ca: false }),
  ]) {
    await refuse(signAttested(signer, attestedContent(identityAttributes)));
    await refuse(signAttested(signer, attestedContent(identityAttributes), { certificates: [root] }));
  }

  // Changed so that they cannot hold any more.
  await fuzz(fc.oneof(flipped(own, 'what is signed and the signature'), flipped(foreign, 'everything')), refuse);
  await fuzz(fc.oneof(spliced(foreign), otherLengths(foreign), mangledBase64(own)), refuse);
  for (const document of [...wrongForms(own), ...nested(24_000)]) await refuse(document);

  // No documents at all.
  const proofs = fc.oneof(
    fc.jsonValue(),
    fc.jsonValue().map((document) => ({ document })),
    fc.dictionary(
      fc.constantFrom('document', 'signature', 'token', 'staticSecret', '__proto__', 'other'),
      fc.jsonValue(),
    ),
    fc.string({ unit: 'binary', maxLength: 200 }).map((document) => ({ document })),
  );
  await fuzz(proofs, async (proof) => expectRefused(await post(claim(proof)), shapes));
  const whole = Buffer.from(claim({ document: own }));
  const bodies = fc.oneof(
    fc.integer({ min: 1, max: whole.length - 1 }).map((end) => whole.subarray(0, end)),
    fc.uint8Array({ minLength: 1, maxLength: 500 }).map((bytes) => Buffer.from(bytes)),
  );
  await fuzz(bodies, async (body) => expectRefused(await post(body), shapes));
  for (const body of [
    '['.repeat(30_000),
    `${'['.repeat(30_000)}${']'.repeat(30_000)}`,
    claim('x').replace('"x"', '1e999'),
  ])
    expectRefused(await post(body), shapes);
  expectRefused(await post(whole, 'text/plain'), ['MalformedPayload']);

  // Too long: for a document, and for a body.
  await refuse('A'.repeat(BODY_LIMIT - AROUND));
  await refuse(own.repeat(Math.floor((BODY_LIMIT - AROUND) / own.length)));
  await refuse(`A${' '.repeat(32_000)}!`);
  expectRefused(await post(claim({ document: 'A'.repeat(BODY_LIMIT) })), ['InputTooLarge'], 413);

  expect(await lastingRows(system().databaseUrl)).toEqual(before);
  const { events } = await system().temporal.workflow.getHandle(lifecycleId(worker)).fetchHistory();
  expect(events?.length).toBeGreaterThan(0);
  expect(events?.filter((event) => event.workflowExecutionUpdateAcceptedEventAttributes)).toEqual([]);
  expect(system().process('api').output()).not.toContain('"api-call-failed"');
  expect(
    system()
      .simulator.log()
      .filter(({ operation }) => operation.includes('intermediate')),
  ).toEqual([]);

  for (const [each, document] of [
    [worker, own],
    [another, foreign],
  ] as const) {
    const { workerPoolId, workerGroup, workerId } = each;
    const proof = { workerPoolId, workerGroup, workerId, providerId: 'azure', workerIdentityProof: { document } };
    expect((await system().api.register(proof)).status).toBe(200);
  }
  expect(await system().api.counts(pool)).toMatchObject({ running: 2 });
  await endPool(system(), pool, azurePool({ maxCapacity: 0 }));
  await expectNothingLeft(system());
});

/** The same cases on every run; what failed is shrunk and printed. */
async function fuzz<T>(cases: fc.Arbitrary<T>, check: (sent: T) => Promise<void>): Promise<void> {
  await fc.assert(fc.asyncProperty(cases, check), { ...seededRuns, numRuns: 300 });
}
