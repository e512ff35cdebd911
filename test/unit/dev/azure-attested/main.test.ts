import { spawnSync } from 'node:child_process';
import { expect, test } from '@jest/globals';
import { attestedContent, certify, fileOf, pemFile, signAttested } from '../../../support/attested-documents.js';
import { sharedPath, testRealData } from '../../../support/shared-data.js';

/** `npm run azure:attested`, as it runs once Node and the dependencies are there. */
function run(...args: readonly string[]) {
  const command = ['--import', './scripts/typescript.mjs', 'dev/azure-attested/main.ts', ...args];
  const { status, stdout, stderr } = spawnSync(process.execPath, command, { encoding: 'utf8', env: {} });
  return { status, stdout, stderr };
}

testRealData(
  'azure-attested shows a real document, its signer and intermediate, and that it held at its time and does not now',
  () => {
    const { status, stdout } = run(
      sharedPath('azure-attested', 'azure_signature_good.json'),
      ...['--trusted-roots', sharedPath('azure-ca', 'microsoft_tls_rsa_root_g2.pem')],
      ...['--trusted-intermediates', sharedPath('azure-ca', 'microsoft_tls_g2_rsa_ca_ocsp_02.pem')],
    );
    expect(status).toBe(0);
    for (const part of [
      /Signer\n {2}subject {2}C=US, ST=WA, .*CN=metadata\.azure\.com\n/,
      /Intermediate\n {2}subject .*CN=Microsoft TLS G2 RSA CA OCSP 02\n {2}issuer .*CN=Microsoft TLS RSA Root G2\n/,
      /SHA-1 {4}D5:51:AC:C6/,
      /SHA-256 {2}EA:7A:25:25/,
      /valid {4}2026-05-15T06:06:23\.000Z to 2026-11-11T06:06:23\.000Z/,
      /http:\/\/www\.microsoft\.com\/pkiops\/certs\/Microsoft%20TLS%20G2%20RSA%20CA%20OCSP%2002\.crt/,
      /vmId {10}"b1310a36-d400-46f6-82cb-6217df846586"/,
      /at its own time, 2026-07-28T13:24:00\.000Z: yes/,
      /now, .*: no: the attested document expired at 2026-07-28T19:24:00\.000Z/,
    ]) {
      expect(stdout).toMatch(part);
    }
  },
);

test('azure-attested reads the metadata service’s answer as it is, and says when nobody vouches for the document', () => {
  const nowMs = Date.now();
  const root = certify({ name: 'Root', issuer: null, nowMs });
  const signer = certify({ name: 'metadata.azure.com', issuer: root, nowMs, ca: false });
  const identityAttributes = { vmId: 'vm', subscriptionId: '', createdMs: nowMs, expiresMs: nowMs + 3_600_000 };
  const file = fileOf(
    JSON.stringify({ encoding: 'pkcs7', signature: signAttested(signer, attestedContent(identityAttributes)) }),
  );
  const trusted = run(file, '--trusted-roots', pemFile(root));
  expect(trusted.status).toBe(0);
  expect(trusted.stdout).toMatch(/now, .*: yes/);
  const { status, stdout } = run(file);
  expect(status).toBe(1);
  expect(stdout).toMatch(/now, .*: no: CN=Root, the issuer of .* is not known, and it names no address/);
});

test('azure-attested answers a file that is no document in one line, and prints help', () => {
  expect(run('/nowhere')).toMatchObject({ status: 1, stderr: 'cannot read /nowhere (ENOENT)\n' });
  expect(run(fileOf('{"a": 1}'))).toMatchObject({ status: 1, stderr: expect.stringContaining('has no "signature"') });
  expect(run(fileOf('[]'))).toMatchObject({ status: 1, stderr: expect.stringContaining('holds no document') });
  expect(run(fileOf('{'))).toMatchObject({ status: 1, stderr: expect.stringContaining('looks like JSON') });
  expect(run(fileOf('# text'))).toMatchObject({ status: 1, stderr: 'the attested document is not base64\n' });
  expect(run(fileOf('AAAA'), '--trusted-roots', '/nowhere')).toMatchObject({
    status: 1,
    stderr: 'trustedRoots: cannot read /nowhere (ENOENT)\n',
  });
  expect(run('--help')).toMatchObject({ status: 0, stdout: expect.stringContaining('--trusted-intermediates') });
});
