import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { amazonCertificates, microsoftCertificates } from '../../../scripts/refresh-certificates.mjs';
import { certify } from '../../support/attested-documents.js';
import { describeRealData, sharedText } from '../../support/shared-data.js';

interface AmazonFile {
  readonly source: string;
  readonly retrieved: string;
  readonly regions: Readonly<Record<string, { readonly rsa: string }>>;
}
interface MicrosoftFile {
  readonly source: string;
  readonly retrieved: string;
  readonly roots: readonly string[];
  readonly intermediates: readonly string[];
}
const read = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'));
const amazon = read('providers/aws/identity-certificates.json') as AmazonFile;
const microsoft = read('providers/azure/identity/certificates.json') as MicrosoftFile;
const sha256 = (pem: string): string => new X509Certificate(pem).fingerprint256;

describe('the shipped certificates', () => {
  test.each([
    ['Amazon', amazon],
    ['Microsoft', microsoft],
  ])('the shipped certificates of %s say where they come from and when', (_, { source, retrieved }) => {
    expect(source).toMatch(/^https:/);
    expect(retrieved).toMatch(/^20\d\d-\d\d-\d\d$/);
  });

  test('the shipped certificates of Amazon are its own, with RSA keys, and were valid for a year at least when retrieved', () => {
    for (const { rsa } of Object.values(amazon.regions)) {
      const { subject, validToDate, publicKey } = new X509Certificate(rsa);
      expect(subject).toMatch(/^O=Amazon/m);
      expect(publicKey.asymmetricKeyType).toBe('rsa');
      expect(validToDate.getTime()).toBeGreaterThan(Date.parse(amazon.retrieved) + 365 * 86_400_000);
    }
  });

  test('the shipped certificates of Microsoft are authorities: roots sign themselves, a shipped one signs every intermediate', () => {
    const certificates = (pems: readonly string[]) => pems.map((pem) => new X509Certificate(pem));
    const [roots, intermediates] = [certificates(microsoft.roots), certificates(microsoft.intermediates)];
    for (const root of roots) expect(root.ca && root.verify(root.publicKey)).toBe(true);
    for (const each of intermediates) {
      expect(each.ca).toBe(true);
      expect([...roots, ...intermediates].some((issuer) => issuer !== each && each.verify(issuer.publicKey))).toBe(
        true,
      );
    }
  });
});

describeRealData('the shipped certificates, against what the clouds publish', () => {
  test('the shipped certificates of Amazon are the published ones of every region', () => {
    const published = JSON.parse(sharedText('aws-identity-certificates.json')) as AmazonFile['regions'];
    const fingerprints = (regions: AmazonFile['regions']) =>
      Object.fromEntries(Object.entries(regions).map(([region, { rsa }]) => [region, sha256(rsa)]));
    expect(fingerprints(amazon.regions)).toEqual(fingerprints(published));
  });

  test('the shipped certificates of Microsoft are the published ones that have not expired', () => {
    const { certificates } = JSON.parse(sharedText('azure-ca', 'facts.json')) as {
      certificates: { sha256: string; notAfter: string; file: string | null }[];
    };
    const retrievedMs = Date.parse(microsoft.retrieved);
    const published = certificates.filter(({ file, notAfter }) => file && Date.parse(notAfter) > retrievedMs);
    expect([...microsoft.roots, ...microsoft.intermediates].map(sha256).toSorted()).toEqual(
      published.map((each) => each.sha256).toSorted(),
    );
  });
});

describe('refresh-certificates', () => {
  const nowMs = Date.now();
  const [east, west, other] = ['East', 'West', 'Other'].map(
    (name) => certify({ name, issuer: null, nowMs, ca: true }).pem,
  ) as [string, string, string];
  const section = (region: string, rsa: string) => `
    <awsui-expandable-section header="A place &ndash; ${region}"><h2>A place &ndash; ${region}</h2>
      <dt>DSA</dt><dd><pre><code>${other}</code></pre></dd>
      <dt>RSA</dt><dd><pre class="programlisting"><code>${rsa}</code></pre></dd>
      <dt>RSA-2048</dt><dd><pre><code>${other}</code></pre></dd>`;

  test('refresh-certificates takes each region’s RSA certificate from a saved page of Amazon, and no other', () => {
    const found = amazonCertificates(`<html>${section('us-east-1', east)}${section('us-gov-west-1', west)}</html>`);
    expect(Object.keys(found)).toEqual(['us-east-1', 'us-gov-west-1']);
    expect(sha256(found['us-east-1']!.rsa)).toBe(sha256(east));
    expect(sha256(found['us-gov-west-1']!.rsa)).toBe(sha256(west));
  });

  describe('of Microsoft', () => {
    const root = certify({ name: 'Root', issuer: null, nowMs, ca: true });
    const issuing = certify({ name: 'Issuing', issuer: root, nowMs, pathLength: 0 });
    const leaf = certify({ name: 'metadata.azure.com', issuer: issuing, nowMs, ca: false });
    const thumbprint = (pem: string) => new X509Certificate(pem).fingerprint.replaceAll(':', '');
    const page = `<td>Root</td><td>0x1<br>${thumbprint(root.pem)}</td><td>${thumbprint(issuing.pem).toLowerCase()}</td>`;
    const file = (name: string, { pem }: { pem: string }) => ({ name, bytes: Buffer.from(pem) });
    const options = { trusted: [], nowMs };

    test('refresh-certificates tells Microsoft’s roots from intermediates, and leaves out what has expired', () => {
      const files = [file('root.crt', root), file('issuing.crt', issuing)];
      const found = microsoftCertificates(page, files, options);
      expect([found.roots.map(sha256), found.intermediates.map(sha256)]).toEqual([
        [sha256(root.pem)],
        [sha256(issuing.pem)],
      ]);
      const late = new X509Certificate(root.pem).validToDate.getTime() + 1;
      expect(microsoftCertificates(page, files, { ...options, nowMs: late })).toEqual({ roots: [], intermediates: [] });
    });

    test('refresh-certificates rejects what is not on Microsoft’s page, unless its fingerprint is named', () => {
      const files = [file('root.crt', root)];
      expect(() => microsoftCertificates('', files, options)).toThrow('root.crt is not on the page');
      const trusted = [sha256(root.pem)];
      expect(microsoftCertificates('', files, { ...options, trusted }).roots).toHaveLength(1);
    });

    test('refresh-certificates rejects what is no certificate of an authority of Microsoft’s page', () => {
      const trusted = [sha256(leaf.pem)];
      expect(() => microsoftCertificates(page, [file('leaf.crt', leaf)], { ...options, trusted })).toThrow(
        'leaf.crt is no authority',
      );
    });
  });
});
