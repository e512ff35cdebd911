import { beforeAll, describe, expect, test } from '@jest/globals';
import { IdentityError, ProviderError } from '../../../../../providers/errors.js';
import { azureIdentity, type AzureIdentityOptions } from '../../../../../providers/azure/identity/verify.js';
import {
  attestedContent,
  azureTime,
  certify,
  type CertificateShape,
  type Entity,
  type Facts,
  newKey,
  pemFile,
  signAttested,
} from '../../../../support/attested-documents.js';
import { describeRealData, sharedText } from '../../../../support/shared-data.js';

const NOW = Date.parse('2026-07-28T14:00:00Z');
const HOUR = 3_600_000;
const VM = 'b1310a36-d400-46f6-82cb-6217df846586';
const SUBSCRIPTION = '8a205152-b25a-417f-a676-80465535a6c9';
const identityAttributes: Facts = {
  vmId: VM,
  subscriptionId: SUBSCRIPTION,
  createdMs: NOW - HOUR,
  expiresMs: NOW + 5 * HOUR,
};
const ADDRESS = 'http://www.microsoft.com/pkiops/certs/issuer.crt';

const nobodyAnswers = () => Promise.reject(new Error('no network here'));
const identity = (options: Partial<AzureIdentityOptions> = {}) =>
  azureIdentity({
    subscriptionId: SUBSCRIPTION,
    trustedRoots: null,
    trustedIntermediates: null,
    fetchIntermediate: nobodyAnswers,
    shipped: { roots: [], intermediates: [] },
    ...options,
  });
const vm = () => Promise.resolve(VM);

/** A web that has these certificates, and a record of the requests. */
function web(pages: Readonly<Record<string, Entity | string | Error>>) {
  const requested: string[] = [];
  const fetchIntermediate = (url: URL): Promise<Buffer> => {
    requested.push(url.href);
    const page = pages[url.href] ?? new Error('404');
    if (page instanceof Error) return Promise.reject(page);
    return Promise.resolve(Buffer.from(typeof page === 'string' ? page : page.pem));
  };
  return { requested, fetchIntermediate };
}

describeRealData('the real document', () => {
  let document: string;
  let microsoft: ReturnType<typeof web>;
  beforeAll(() => {
    const [real] = JSON.parse(sharedText('azure-attested', 'azure_signature_good.json')) as { document: string }[];
    document = real!.document;
    microsoft = web({
      'http://www.microsoft.com/pkiops/certs/Microsoft%20TLS%20G2%20RSA%20CA%20OCSP%2002.crt': sharedText(
        'azure-ca',
        'microsoft_tls_g2_rsa_ca_ocsp_02.pem',
      ),
      'http://www.microsoft.com/pkiops/certs/Microsoft%20TLS%20RSA%20Root%20G2%20-%20xsign.crt': sharedText(
        'azure-ca',
        'extra',
        'microsoft_tls_rsa_root_g2_xsign.pem',
      ),
    });
  });

  test('the real document holds with Node’s own roots and what Microsoft publishes, which is fetched once', async () => {
    const { verify } = identity(microsoft);
    await verify(vm, { document }, NOW);
    await verify(vm, { document }, NOW);
    expect(microsoft.requested).toHaveLength(2);
  });

  test('the real document holds with the intermediate and the root in files, without the network', async () => {
    const { verify } = identity({
      trustedRoots: pemFile({ pem: sharedText('azure-ca', 'microsoft_tls_rsa_root_g2.pem') }),
      trustedIntermediates: pemFile({ pem: sharedText('azure-ca', 'microsoft_tls_g2_rsa_ca_ocsp_02.pem') }),
    });
    await expect(verify(vm, { document }, NOW)).resolves.toBeUndefined();
  });

  test('the real document holds with what the product ships, without the network and without files', async () => {
    const { verify } = identity({ shipped: undefined });
    await expect(verify(vm, { document }, NOW)).resolves.toBeUndefined();
  });

  test('the real document is rejected today, with the reason that it has expired', async () => {
    await expect(identity(microsoft).verify(vm, { document }, Date.now())).rejects.toThrow(
      /attested document expired at 2026-07-28/,
    );
  });

  test('the real document is rejected with another vmId, another subscription, and once its content differs', async () => {
    const { verify } = identity(microsoft);
    await expect(verify(() => Promise.resolve('another'), { document }, NOW)).rejects.toThrow(
      'vmId is not the machine’s',
    );
    const other = identity({ ...microsoft, subscriptionId: '00000000-0000-0000-0000-000000000000' });
    await expect(other.verify(vm, { document }, NOW)).rejects.toThrow(/another subscription/);
    const changed = Buffer.from(document, 'base64').toString('latin1').replace(VM, VM.replace('b', 'c'));
    const proof = { document: Buffer.from(changed, 'latin1').toString('base64') };
    await expect(verify(vm, proof, NOW)).rejects.toThrow('the signature does not hold');
  });

  test('the real document can be tried again when Microsoft does not answer', async () => {
    const { verify } = identity();
    const refusal = verify(vm, { document }, NOW);
    await expect(refusal).rejects.toThrow(/OCSP 02 cannot be fetched: (no network here|www.microsoft.com failed)/);
    await expect(refusal).rejects.toMatchObject({ name: 'ProviderError', code: 'Unavailable' });
  });
});

const root = certify({ name: 'Root', issuer: null, nowMs: NOW });
const issuing = certify({ name: 'Issuing', issuer: root, nowMs: NOW, pathLength: 0 });
const signerKey = newKey();
const signerOf = (issuer: Entity | null, shape: Partial<CertificateShape> = {}) =>
  certify({ name: 'metadata.azure.com', issuer, nowMs: NOW, ca: false, key: signerKey, ...shape });
const signer = signerOf(issuing);
const files = { trustedRoots: pemFile(root), trustedIntermediates: pemFile(issuing) };

const verifyDocument = (document: string, options: Partial<AzureIdentityOptions> = {}, nowMs = NOW) =>
  identity({ ...files, ...options }).verify(vm, { document }, nowMs);
const expectHeld = (...attempt: Parameters<typeof verifyDocument>) =>
  expect(verifyDocument(...attempt)).resolves.toBeUndefined();
const refusalOf = (document: string, options: Partial<AzureIdentityOptions> = {}, nowMs = NOW): Promise<unknown> =>
  verifyDocument(document, options, nowMs).then(
    () => 'accepted',
    (error: unknown) => error,
  );

describe('the content of a document', () => {
  const with_ = (changes: object) => signAttested(signer, { ...attestedContent(identityAttributes), ...changes });

  test('a document is accepted when all of it holds, whatever the case of the ids, and with line ends in the base64', async () => {
    await expectHeld(with_({}));
    await expectHeld(with_({ vmId: VM.toUpperCase(), subscriptionId: SUBSCRIPTION.toUpperCase() }));
    await expectHeld(with_({}).replace(/.{64}/g, '$&\r\n'));
  });

  test('a document may leave the subscription out', async () => {
    await expectHeld(with_({ subscriptionId: undefined }));
    await expectHeld(with_({ subscriptionId: '' }));
  });

  test('a document counts from five minutes before its creation until five minutes after its end', async () => {
    const document = with_({});
    await expectHeld(document, {}, identityAttributes.createdMs - 5 * 60_000);
    await expectHeld(document, {}, identityAttributes.expiresMs + 5 * 60_000);
    expect(await refusalOf(document, {}, identityAttributes.createdMs - 5 * 60_000 - 1)).toMatchObject({
      message: /of the future/,
    });
    expect(await refusalOf(document, {}, identityAttributes.expiresMs + 5 * 60_000 + 1)).toMatchObject({
      message: /expired at/,
    });
  });

  test.each([
    ['no vmId', { vmId: undefined }, /has no vmId/],
    ['a vmId that is no text', { vmId: 7 }, /has no vmId/],
    ['a subscription that is no text', { subscriptionId: { $ne: '' } }, /subscriptionId/],
    ['no times', { timeStamp: undefined }, /no timeStamp/],
    ['no creation', { timeStamp: { expiresOn: azureTime(identityAttributes.expiresMs) } }, /createdOn/],
    ['no end', { timeStamp: { createdOn: azureTime(identityAttributes.createdMs) } }, /expiresOn/],
    ['an impossible time', { timeStamp: { createdOn: '13/40/26 00:00:00 -0000', expiresOn: '' } }, /createdOn/],
    ['a time of another zone', { timeStamp: { createdOn: '07/28/26 13:00:00 +0200', expiresOn: '' } }, /createdOn/],
  ])('a document is rejected with %s', async (_what, changes, reason) => {
    const refusal = await refusalOf(with_(changes));
    expect(refusal).toBeInstanceOf(IdentityError);
    expect((refusal as Error).message).toMatch(reason);
  });

  test.each(['', 'no json', '[]', 'null', '"text"'])('a document is rejected when its content is %j', async (text) => {
    expect(await refusalOf(signAttested(signer, text))).toBeInstanceOf(IdentityError);
  });

  test('a document is compared with the machine last, and a machine that Azure does not show can try again', async () => {
    let polled = 0;
    const check = () => Promise.resolve((polled++, null));
    const { verify } = identity(files);
    const forged = signAttested(
      signerOf(certify({ name: 'Issuing', issuer: null, nowMs: NOW })),
      attestedContent(identityAttributes),
    );
    await expect(verify(check, { document: forged }, NOW)).rejects.toThrow(IdentityError);
    expect(polled).toBe(0);
    await expect(verify(check, { document: with_({}) }, NOW)).rejects.toThrow(ProviderError);
    expect(polled).toBe(1);
  });
});

describe('the form of a document', () => {
  const content = attestedContent(identityAttributes);

  test('a document has one certificate and one signer, and signs the content itself', async () => {
    const other = signerOf(issuing);
    const refusals = await Promise.all([
      refusalOf(signAttested(signer, content, { certificates: [other] })),
      refusalOf(signAttested(signer, content, { certificates: [issuing] })),
      refusalOf(signAttested(signer, content, { coSigner: other })),
      refusalOf(signAttested(signer, content, { authenticatedAttributes: true })),
    ]);
    expect(refusals.map((refusal) => (refusal as Error).message)).toEqual([
      'the attested document has not exactly one certificate',
      'the attested document has not exactly one certificate',
      'the attested document has not exactly one signer',
      'the signature is over attributes and not over the content',
    ]);
  });

  test('a document needs a signature by the key of its own certificate', async () => {
    const thief = { ...signer, key: newKey() };
    expect(await refusalOf(signAttested(thief, content))).toMatchObject({ message: 'the signature does not hold' });
  });

  test.each([[undefined], [''], ['***'], ['AAAA'], ['A'.repeat(32_769)]])(
    'a document is rejected in the form %j',
    async (document) => {
      await expect(identity(files).verify(vm, { document }, NOW)).rejects.toThrow(IdentityError);
    },
  );
});

describe('the signer of a document', () => {
  const signedBy = (shape: Partial<CertificateShape>, issuer: Entity | null = issuing) =>
    signAttested(signerOf(issuer, shape), attestedContent(identityAttributes));

  test('the signer may be the service of one region', async () => {
    await expectHeld(signedBy({ name: 'eastus2.metadata.azure.com' }));
    await expectHeld(signedBy({ name: '*.metadata.azure.com' }));
  });

  test.each([
    'metadata.azure.org',
    'metadata.azure.com.example.com',
    'evilmetadata.azure.com',
    'x/.metadata.azure.com',
    '',
  ])('the signer may not be called %j', async (name) => {
    expect(await refusalOf(signedBy({ name }))).toMatchObject({
      message: 'the signer is not Azure’s metadata service',
    });
  });

  test('the signer is rejected before and after its certificate’s time', async () => {
    const [early, late] = await Promise.all([
      refusalOf(signedBy({ fromMs: NOW + 60_000 })),
      refusalOf(signedBy({ toMs: NOW - 60_000 })),
    ]);
    expect(early).toMatchObject({
      name: 'IdentityError',
      message: /metadata.azure.com is not valid before 2026-07-28/,
    });
    expect(late).toMatchObject({ name: 'IdentityError', message: /metadata.azure.com expired at 2026-07-28/ });
  });

  test('the signer is rejected when it signed its certificate itself, or when an unknown authority did', async () => {
    const foreign = certify({ name: 'Foreign', issuer: null, nowMs: NOW });
    for (const document of [signedBy({}, null), signedBy({}, foreign)]) {
      const refusal = await refusalOf(document);
      expect(refusal).toBeInstanceOf(IdentityError);
      expect((refusal as Error).message).toMatch(/is not known, and it names no address/);
    }
  });

  test('the signer is rejected when its certificate is for mail, or does not say for what', async () => {
    for (const usage of ['emailProtection', null] as const) {
      const refusal = await refusalOf(signedBy({ usage }));
      expect(refusal).toMatchObject({ name: 'IdentityError', message: /not that of a server/ });
    }
  });

  test('the signer is rejected when only the common name of its certificate is the metadata service’s', async () => {
    for (const dnsNames of [[], ['example.com'], ['metadata.azure.com.example.com']]) {
      const refusal = await refusalOf(signedBy({ dnsNames }));
      expect(refusal).toMatchObject({ name: 'IdentityError', message: /not Azure’s metadata service/ });
    }
    await expectHeld(signedBy({ dnsNames: ['example.com', 'eastus.metadata.azure.com'] }));
  });

  test('the signer is rejected when only the name and key id of its issuer are right', async () => {
    expect(await refusalOf(signedBy({ signedWith: newKey() }))).toMatchObject({ message: /is forged: CN=Issuing/ });
  });
});

describe('the chain of certificates', () => {
  const content = attestedContent(identityAttributes);
  const onlyRoot = { trustedIntermediates: null };
  const below = (issuer: Entity, addresses: readonly string[] = [ADDRESS]) =>
    signAttested(signerOf(issuer, { addresses }), content);

  test('the chain is completed from the address in the certificate, once for many at the same time', async () => {
    const { requested, fetchIntermediate } = web({ [ADDRESS]: issuing });
    const { verify } = identity({ ...files, ...onlyRoot, fetchIntermediate });
    const document = below(issuing);
    await Promise.all(Array.from({ length: 20 }, () => verify(vm, { document }, NOW)));
    await verify(vm, { document }, NOW);
    expect(requested).toEqual([ADDRESS]);
  });

  test('the chain does not hold with a forged intermediate that names a real root as its issuer', async () => {
    const forged = certify({ name: 'Forged', issuer: root, nowMs: NOW, signedWith: newKey() });
    const document = below(forged);
    for (const trustedIntermediates of [null, pemFile(forged)]) {
      const { verify } = identity({ ...files, trustedIntermediates, ...web({ [ADDRESS]: forged }) });
      await expect(verify(vm, { document }, NOW)).rejects.toThrow(IdentityError);
      await expect(verify(vm, { document }, NOW)).rejects.toThrow(IdentityError);
    }
  });

  test('the chain does not hold with another certificate at the address than the issuer’s', async () => {
    const refusal = await refusalOf(below(certify({ name: 'Own', issuer: null, nowMs: NOW })), {
      ...onlyRoot,
      ...web({ [ADDRESS]: issuing }),
    });
    expect(refusal).toMatchObject({ name: 'IdentityError', message: /not signed by the authority at its own address/ });
  });

  test('the chain is completed from a second address when the first does not answer', async () => {
    const second = 'http://caissuers.microsoft.com/issuer.crt';
    const { requested, fetchIntermediate } = web({ [ADDRESS]: new Error('down'), [second]: issuing });
    await expectHeld(below(issuing, [ADDRESS, second]), { ...onlyRoot, fetchIntermediate });
    expect(requested).toEqual([ADDRESS, second]);
  });

  test('the chain can be tried again when no address answers, and no address is fetched again at once', async () => {
    const { requested, fetchIntermediate } = web({ [ADDRESS]: 'a page of a proxy' });
    const { verify } = identity({ ...files, ...onlyRoot, fetchIntermediate });
    for (let attempt = 0; attempt < 3; attempt++) {
      await expect(verify(vm, { document: below(issuing) }, NOW)).rejects.toMatchObject({ code: 'Unavailable' });
    }
    expect(requested).toEqual([ADDRESS]);
  });

  test('the chain is fetched from nowhere else than where authorities publish', async () => {
    const { requested, fetchIntermediate } = web({});
    const refusal = await refusalOf(below(issuing, ['http://169.254.169.254/x', 'http://example.com/pkiops/certs/x']), {
      ...onlyRoot,
      fetchIntermediate,
    });
    expect(refusal).toMatchObject({ name: 'IdentityError', message: /may not be fetched from http:\/\/169/ });
    expect(requested).toEqual([]);
  });

  test('the chain needs every certificate to be valid, and takes the valid one when an authority has several', async () => {
    const expired = certify({ name: 'Issuing', issuer: root, nowMs: NOW, key: issuing.key, toMs: NOW - HOUR });
    const document = below(issuing);
    await expectHeld(document, { trustedIntermediates: pemFile(expired, issuing) });
    const fetched = web({ [ADDRESS]: expired });
    expect(await refusalOf(document, { trustedIntermediates: pemFile(expired), ...fetched })).toMatchObject({
      name: 'IdentityError',
      message: /CN=Issuing expired at/,
    });
    await expectHeld(document, { trustedIntermediates: pemFile(expired), ...web({ [ADDRESS]: issuing }) });
  });

  test('the chain passes through authorities only, and through no more than they allow', async () => {
    const notAuthority = signerOf(issuing);
    const deeper = certify({ name: 'Deeper', issuer: issuing, nowMs: NOW });
    const { fetchIntermediate } = web({ [ADDRESS]: notAuthority });
    expect(await refusalOf(below(notAuthority), { fetchIntermediate })).toBeInstanceOf(IdentityError);
    const options = { trustedIntermediates: pemFile(issuing, deeper), ...web({ [ADDRESS]: deeper }) };
    expect(await refusalOf(below(deeper), options)).toBeInstanceOf(IdentityError);
  });

  test('the chain passes through no authority with constraints that we do not apply, nor through a weak signature', async () => {
    for (const shape of [{ permitted: 'example.com' }, { digest: 'sha1' as const }]) {
      const authority = certify({ name: 'Bounded', issuer: root, nowMs: NOW, ...shape });
      const options = { trustedIntermediates: pemFile(authority), ...web({ [ADDRESS]: authority }) };
      expect(await refusalOf(below(authority), options)).toMatchObject({ name: 'IdentityError', message: /no root/ });
    }
  });

  test('the chain passes through no authority that is for mail only', async () => {
    for (const [usage, held] of [
      ['emailProtection', false],
      ['serverAuth', true],
    ] as const) {
      const authority = certify({ name: 'Special', issuer: root, nowMs: NOW, usage });
      const options = { trustedIntermediates: pemFile(authority), ...web({ [ADDRESS]: authority }) };
      const attempt = [below(authority), options] as const;
      if (held) await expectHeld(...attempt);
      else expect(await refusalOf(...attempt)).toBeInstanceOf(IdentityError);
    }
  });

  test('the chain does not end at a trusted intermediate, not even at a self-signed one', async () => {
    const options = {
      trustedRoots: null,
      trustedIntermediates: pemFile(root, issuing),
      ...web({ [ADDRESS]: issuing }),
    };
    expect(await refusalOf(below(issuing), options)).toBeInstanceOf(IdentityError);
  });
});

test('an unusable certificate file is named', () => {
  expect(() => identity({ trustedRoots: '/nowhere.pem' })).toThrow(/cannot read \/nowhere.pem \(ENOENT\)/);
  expect(() => identity({ trustedRoots: pemFile({ ...root, pem: 'nothing' }) })).toThrow(/no certificate in PEM/);
  expect(() => identity({ trustedIntermediates: pemFile(root, signer) })).toThrow(
    /certificate 2 of .* not an authority/,
  );
});
