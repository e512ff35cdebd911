import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import { allowedAddress, download } from '../../../../../providers/azure/identity/download.js';
import { type Listener, scriptedServer } from '../../../../support/scripted-server.js';

describe('addresses of certificates that are allowed', () => {
  test.each([
    'http://www.microsoft.com/pkiops/certs/Microsoft%20TLS%20G2%20RSA%20CA%20OCSP%2002.crt',
    'http://caissuers.microsoft.com/pkiops/certs/x.crt',
    'https://cacerts.digicert.com:443/DigiCertGlobalRootG2.crt',
    'http://cacerts.digicert.cn:80/x.crt',
    'HTTP://CACERTS.GEOTRUST.COM/x.crt',
  ])('a certificate may be fetched from %s', (address) => {
    expect(allowedAddress(address)).toBeInstanceOf(URL);
  });
});

describe('addresses of certificates that are not allowed', () => {
  test.each([
    '',
    'www.microsoft.com/pkiops/certs/x.crt',
    'ftp://www.microsoft.com/pkiops/certs/x.crt',
    'file:///pkiops/certs/x.crt',
    'http://www.microsoft.com/x.crt',
    'http://www.microsoft.com/pkiops/certs/../../x.crt',
    'http://www.microsoft.com/pkiops/certs/%2e%2e/%2e%2e/x.crt',
    'http://www.microsoft.com:8080/pkiops/certs/x.crt',
    'http://www.microsoft.com:443/pkiops/certs/x.crt',
    'http://user@www.microsoft.com/pkiops/certs/x.crt',
    'http://www.microsoft.com@example.com/pkiops/certs/x.crt',
    'http://www.microsoft.com.example.com/pkiops/certs/x.crt',
    'http://microsoft.com/pkiops/certs/x.crt',
    'http://127.0.0.1/pkiops/certs/x.crt',
    'http://[::1]/x.crt',
    'http://0x7f.1/x.crt',
    'http://169.254.169.254/metadata',
    'http://localhost/x.crt',
  ])('a certificate is never fetched from %s', (address) => {
    expect(allowedAddress(address)).toBeNull();
  });
});

describe('a download', () => {
  async function from(listener: Listener): Promise<Buffer> {
    const server = await scriptedServer(listener);
    try {
      return await download(new URL(`${server.url}/x.crt`));
    } finally {
      await server.close();
    }
  }

  test('a download gives the bytes of the answer', async () => {
    expect(await from((_, response) => response.end('certificate'))).toEqual(Buffer.from('certificate'));
  });

  test('a download fails with another status, and follows no redirect', async () => {
    await expect(from((_, response) => response.writeHead(404).end())).rejects.toThrow(/answered with 404/);
    await expect(from((_, response) => response.writeHead(302, { location: '/y.crt' }).end())).rejects.toThrow(
      /fetch failed/,
    );
  });

  test('a download takes no more than 64 KiB', async () => {
    expect(await from((_, response) => response.end(Buffer.alloc(65_536)))).toHaveLength(65_536);
    await expect(from((_, response) => response.end(Buffer.alloc(65_537)))).rejects.toThrow(/more than 65536 bytes/);
  });

  test('a download ends after five seconds', async () => {
    const late = new AbortController();
    const order: string[] = [];
    // Timers come in the order of their instants, however late a busy machine lets them.
    void delay(4_500).then(() => order.push('4.5 s'));
    void delay(10_000, undefined, { signal: late.signal }).then(
      () => order.push('10 s'),
      () => {},
    );
    await expect(from((_, response) => response.write('slow'))).rejects.toThrow(/timeout/);
    expect(order).toEqual(['4.5 s']);
    late.abort();
  });
});
