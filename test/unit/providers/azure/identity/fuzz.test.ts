import { expect, test } from '@jest/globals';
import { IdentityError } from '../../../../../providers/errors.js';
import { azureIdentity } from '../../../../../providers/azure/identity/verify.js';
import { attestedContent, certify, newKey, pemFile, signAttested } from '../../../../support/attested-documents.js';
import { cpuTimeOf } from '../../../../../dev/testing/cpu-time.js';
import { seededRandom } from '../../../../support/seeded-random.js';

/**
 * Whatever anybody sends to the open registerWorker call: always an IdentityError (400), never another error, never
 * long.
 */

const NOW = Date.parse('2026-07-28T14:00:00Z');
const root = certify({ name: 'Root', issuer: null, nowMs: NOW });
const signer = certify({ name: 'metadata.azure.com', issuer: root, nowMs: NOW, ca: false });
const identityAttributes = { vmId: 'vm', subscriptionId: 'sub', createdMs: NOW, expiresMs: NOW + 3_600_000 };
const good = Buffer.from(signAttested(signer, attestedContent(identityAttributes)), 'base64');
const { verify } = azureIdentity({
  subscriptionId: 'sub',
  trustedRoots: pemFile(root),
  trustedIntermediates: null,
  fetchIntermediate: () => Promise.resolve(Buffer.from(root.pem)),
});
const verifyBytes = (bytes: Buffer) => verify(() => Promise.resolve('vm'), { document: bytes.toString('base64') }, NOW);

async function expectRefused(bytes: Buffer): Promise<void> {
  const took = await cpuTimeOf(() => expect(verifyBytes(bytes)).rejects.toThrow(IdentityError));
  expect(took).toBeLessThan(1_000);
}

test('the document that the other tests change holds', async () => {
  await expect(verifyBytes(good)).resolves.toBeUndefined();
});

test('a document with flipped bits, cut off, spliced or random is rejected', async () => {
  const random = seededRandom(20260728);
  const below = (limit: number) => Math.floor(random() * limit);
  for (let round = 0; round < 3_000; round++) {
    const bytes = Buffer.from(good);
    switch (round % 5) {
      case 0:
        bytes[below(bytes.length)]! ^= 1 << below(8);
        break;
      case 1:
        for (let index = 0; index < 1 + below(20); index++) bytes[below(bytes.length)] = below(256);
        break;
      case 2:
        bytes.copy(bytes, below(bytes.length), below(bytes.length));
        break;
      default:
    }
    const changed =
      round % 5 === 3
        ? bytes.subarray(0, below(bytes.length))
        : round % 5 === 4
          ? Buffer.from(Array.from({ length: below(2_000) }, () => below(256)))
          : bytes;
    if (changed.equals(good)) continue;
    const accepted = await verifyBytes(changed).then(
      () => true,
      (error: unknown) => {
        expect(error).toBeInstanceOf(IdentityError);
        return false;
      },
    );
    // Fields that nothing is decided by (versions, names of algorithms, the issuer's serial) may differ; facts may not.
    if (accepted) expect(changed.includes(JSON.stringify(attestedContent(identityAttributes)))).toBe(true);
  }
});

test('a document that claims huge lengths, or nests without end, is rejected quickly', async () => {
  for (const tag of [0x30, 0x31, 0x03, 0x04, 0x24, 0xa0]) {
    await expectRefused(Buffer.from([tag, 0x84, 0x7f, 0xff, 0xff, 0xff]));
    await expectRefused(Buffer.from([tag, 0x88, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]));
    await expectRefused(Buffer.from([tag, 0x80]));
    await expectRefused(Buffer.alloc(24_000, Buffer.from([tag, 0x80])));
    await expectRefused(nested(tag, 24_000));
  }
  await expectRefused(Buffer.concat([wrap(0x30, Buffer.alloc(24_000, Buffer.from([5, 0])))]));
});

test('a document of white space, which base64 allows, is rejected quickly', async () => {
  for (const text of [`${' '.repeat(32_767)}!`, `A${'\n'.repeat(32_766)}!`, 'A '.repeat(16_384)]) {
    const verifying = () => verify(() => Promise.resolve('vm'), { document: text }, NOW);
    expect(await cpuTimeOf(() => expect(verifying()).rejects.toThrow(IdentityError))).toBeLessThan(500);
  }
});

test('a document with keys that are none, or of another kind, is rejected', async () => {
  const oversized = signAttested({ ...signer, key: newKey() }, 'x'.repeat(20_000));
  await expectRefused(Buffer.from(oversized, 'base64'));
  const modulus = Buffer.from(signer.key.publicKey.n.toString(16), 'hex');
  const at = good.indexOf(modulus);
  expect(at).toBeGreaterThan(0);
  await expectRefused(Buffer.concat([good.subarray(0, at), Buffer.alloc(256), good.subarray(at + 256)]));
});

function nested(tag: number, size: number): Buffer {
  let bytes: Buffer = Buffer.from([5, 0]);
  while (bytes.length < size) bytes = wrap(tag, tag === 0x03 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes);
  return bytes;
}

function wrap(tag: number, body: Buffer): Buffer {
  const { length } = body;
  const header = length < 128 ? [tag, length] : [tag, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(header), body]);
}
