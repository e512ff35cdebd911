import { beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Worker } from '../../../../domain/worker.js';
import { comparedAttributes } from '../../../../providers/aws/identity.js';
import { awsProvider } from '../../../../providers/aws/provider.js';
import { IdentityError, ProviderError } from '../../../../providers/errors.js';
import type { IdentityProof, Provider } from '../../../../providers/provider.js';
import { IdentitySigner } from '../../../support/identity-documents.js';
import { recordedContext } from '../../../support/provider-context.js';
import { answer, refusal, scriptedEc2 } from '../../../support/scripted-ec2.js';
import { describeRealData, sharedText } from '../../../support/shared-data.js';
import { workerOf } from '../../../support/workers.js';

const providerWith = (identityCertificates: string | null, endpoint: string | null = 'http://127.0.0.1:9') => {
  const context = recordedContext();
  const config = { providerType: 'aws', endpoint, regions: null, identityCertificates, draining: false } as const;
  return { provider: awsProvider(config, context), context };
};

/** The row of the machine that a document is about, as its launch would have written it. */
const rowOf = (document: string, changes: Partial<Worker> = {}): Worker => {
  const shown = JSON.parse(document) as Record<string, string>;
  const identityAttributes = Object.fromEntries(comparedAttributes.map((name) => [name, shown[name] ?? null]));
  return workerOf(
    {
      workerGroup: shown.region!,
      workerId: shown.instanceId!,
      location: { account: shown.accountId!, region: shown.region!, group: null },
      identityAttributes: { ...identityAttributes, launchTime: shown.pendingTime! },
    },
    changes,
  );
};

describeRealData('a real identity document', () => {
  const proofOf = (document: string, signature: string) => ({
    document: sharedText('aws-iid', document),
    signature: sharedText('aws-iid', signature),
  });
  let provider: Provider;
  let proofs: ReturnType<typeof proofOf>[];
  beforeAll(() => {
    ({ provider } = providerWith(null));
    proofs = [
      proofOf('aws_iid_DOCUMENT', 'aws_iid_SIGNATURE'),
      proofOf('us-east-1-iid0.json', 'us-east-1-iid0.sig'),
      proofOf('us-east-1-iid1.json', 'us-east-1-iid1.sig'),
    ];
  });

  test('a real document holds for its machine, with the certificates that the product ships', async () => {
    for (const proof of proofs) {
      await expect(provider.verifyIdentity(rowOf(proof.document), proof, Date.now())).resolves.toBeUndefined();
    }
  });

  test('a real document holds neither for another machine nor with another document’s signature', async () => {
    const [first, second, third] = proofs;
    await expect(provider.verifyIdentity(rowOf(second!.document), third!, Date.now())).rejects.toThrow(IdentityError);
    const mixed = { document: first!.document, signature: second!.signature };
    await expect(provider.verifyIdentity(rowOf(first!.document), mixed, Date.now())).rejects.toThrow(IdentityError);
  });

  test('a real document does not hold once a single byte differs', async () => {
    const { document, signature } = proofs[1]!;
    for (let index = 0; index < document.length; index += 7) {
      const changed = document.slice(0, index) + (document[index] === 'x' ? 'y' : 'x') + document.slice(index + 1);
      await expect(
        provider.verifyIdentity(rowOf(document), { document: changed, signature }, Date.now()),
      ).rejects.toThrow('the signature does not hold');
    }
  });

  test('a real document is rejected, with the reason, for a region without a certificate', async () => {
    const { document, signature } = proofs[1]!;
    const elsewhere = { account: null, region: 'xx-nowhere-1', group: null };
    await expect(
      provider.verifyIdentity(rowOf(document, { location: elsewhere }), { document, signature }, Date.now()),
    ).rejects.toThrow(/no identity certificate for region xx-nowhere-1/);
  });

  test('a real document is rejected under a key that identityCertificates puts in place of the shipped one', async () => {
    const { document, signature } = proofs[1]!;
    const { provider: own } = providerWith(new IdentitySigner(['us-east-1']).writeCertificates());
    await expect(own.verifyIdentity(rowOf(document), { document, signature }, Date.now())).rejects.toThrow(
      'the signature does not hold',
    );
    const elsewhere = proofs[0]!;
    await expect(own.verifyIdentity(rowOf(elsewhere.document), elsewhere, Date.now())).resolves.toBeUndefined();
  });
});

describe('an identity document of a key of ours', () => {
  const signer = new IdentitySigner(['us-west-2', 'eu-west-1']);
  const certificates = signer.writeCertificates();
  const { provider } = providerWith(certificates);
  const now = Date.parse('2026-11-01T12:00:00Z');
  const documentOf = (changes: object = {}) =>
    JSON.stringify({
      accountId: '123456789012',
      architecture: 'x86_64',
      availabilityZone: 'us-west-2a',
      imageId: 'ami-1',
      instanceId: 'i-0123456789abcdef0',
      instanceType: 't3.micro',
      pendingTime: '2026-11-01T11:58:00Z',
      privateIp: '10.0.0.7',
      region: 'us-west-2',
      version: '2017-09-30',
      ...changes,
    });
  const row = (changes: Partial<Worker> = {}) => rowOf(documentOf(), changes);
  const verify = (document: string, worker = row(), region = 'us-west-2') =>
    provider.verifyIdentity(worker, signer.proof(region, document), now);

  test('a document of the configured key holds', async () => {
    await expect(verify(documentOf())).resolves.toBeUndefined();
  });

  test.each(comparedAttributes)('a document is rejected when %s is another', async (name) => {
    await expect(verify(documentOf({ [name]: 'other' }))).rejects.toThrow(IdentityError);
    await expect(verify(documentOf({ [name]: undefined }))).rejects.toThrow(IdentityError);
    await expect(verify(documentOf({ [name]: { toString: 'x' } }))).rejects.toThrow(IdentityError);
  });

  test('a document is rejected when another region’s key signed it, whatever region it names', async () => {
    await expect(verify(documentOf(), row(), 'eu-west-1')).rejects.toThrow('the signature does not hold');
    await expect(verify(documentOf({ region: 'eu-west-1' }), row(), 'eu-west-1')).rejects.toThrow(IdentityError);
  });

  test('a document from the future, from before the launch, or without a time is rejected', async () => {
    await expect(verify(documentOf({ pendingTime: '2026-11-01T12:04:59Z' }))).resolves.toBeUndefined();
    await expect(verify(documentOf({ pendingTime: '2026-11-01T12:05:01Z' }))).rejects.toThrow('in the future');
    await expect(verify(documentOf({ pendingTime: '2026-11-01T11:52:59Z' }))).rejects.toThrow('before the machine');
    await expect(verify(documentOf({ pendingTime: 'soon' }))).rejects.toThrow('pendingTime');
    await expect(verify(documentOf({ pendingTime: 5 }))).rejects.toThrow('pendingTime');
  });

  test('a document is rejected when it is signed but no object, and when it is oversized', async () => {
    for (const document of ['[]', 'null', '"x"', '7', '{', '{"__proto__":{"instanceId":"x"}}']) {
      await expect(verify(document)).rejects.toThrow(IdentityError);
    }
    await expect(verify(documentOf({ padding: 'x'.repeat(10_000) }))).rejects.toThrow('too long');
  });

  test('a value of any other form is rejected with an IdentityError', async () => {
    const anything = fc.oneof(
      fc.string(),
      fc.json(),
      fc.base64String(),
      fc.string({ unit: 'binary', maxLength: 9_000 }),
    );
    const proofs = fc.record(
      { document: fc.oneof(fc.anything(), anything), signature: fc.oneof(fc.anything(), anything) },
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(proofs, async (proof) => {
        const refused = await provider
          .verifyIdentity(row(), proof as IdentityProof, now)
          .catch((error: unknown) => error);
        expect(refused).toBeInstanceOf(IdentityError);
      }),
      { numRuns: 500, seed: 7 },
    );
    await fc.assert(
      fc.asyncProperty(anything, async (document) => {
        const refused = await verify(document).catch((error: unknown) => error);
        expect(refused).toBeInstanceOf(IdentityError);
      }),
      { numRuns: 200, seed: 7 },
    );
  });
});

describe('facts that the launch did not know', () => {
  const signer = new IdentitySigner(['us-west-2']);
  const certificates = signer.writeCertificates();
  const now = Date.parse('2026-11-01T12:00:00Z');
  const identityAttributes = {
    instanceId: 'i-0123456789abcdef0',
    region: 'us-west-2',
    accountId: '123456789012',
    availabilityZone: 'us-west-2a',
    architecture: 'x86_64',
    imageId: 'ami-1',
    instanceType: 't3.micro',
    privateIp: '10.0.0.7',
  };
  const document = JSON.stringify({ ...identityAttributes, pendingTime: '2026-11-01T11:58:00Z' });
  const worker = { ...rowOf(document), created: now, identityAttributes: { ...identityAttributes, privateIp: null } };
  const described = answer(
    'DescribeInstances',
    `<reservationSet><item><ownerId>123456789012</ownerId><instancesSet><item>
       <instanceId>i-0123456789abcdef0</instanceId><imageId>ami-1</imageId><instanceType>t3.micro</instanceType>
       <architecture>x86_64</architecture><privateIpAddress>10.0.0.7</privateIpAddress>
       <placement><availabilityZone>us-west-2a</availabilityZone></placement>
       <launchTime>2026-11-01T11:58:00.000Z</launchTime>
     </item></instancesSet></item></reservationSet>`,
  );

  test('facts unknown at launch are read once, and only for a proof whose signature holds', async () => {
    const server = await scriptedEc2(() => described);
    const { provider } = providerWith(certificates, server.endpoint);
    await provider.verifyIdentity(worker, signer.proof('us-west-2', document), now);
    expect(server.requests.map((request) => request.get('Action'))).toEqual(['DescribeInstances']);
    const forged = { ...signer.proof('us-west-2', document), document: `${document} ` };
    await expect(provider.verifyIdentity(worker, forged, now)).rejects.toThrow(IdentityError);
    expect(server.requests).toHaveLength(1);
    await server.close();
  });

  test('a machine that EC2 does not know is rejected, and a missing answer of EC2 rejects nobody', async () => {
    const server = await scriptedEc2(() => refusal(400, 'InvalidInstanceID.NotFound', 'no such instance'));
    const { provider } = providerWith(certificates, server.endpoint);
    const proof = signer.proof('us-west-2', document);
    await expect(provider.verifyIdentity(worker, proof, now)).rejects.toThrow(IdentityError);
    await server.close();
    await expect(provider.verifyIdentity(worker, proof, now)).rejects.toThrow(ProviderError);
  });
});
