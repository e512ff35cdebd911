import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { readCredentials } from '../../../../providers/google/credentials.js';

const keyFile = { type: 'service_account', client_email: 'wm@p.iam.gserviceaccount.com', private_key: 'SECRET' };
const text = JSON.stringify(keyFile);
const directory = mkdtempSync(join(tmpdir(), 'google-creds-'));
afterAll(() => rmSync(directory, { recursive: true }));

const fileWith = (name: string, content: string): string => {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
};
const problemOf = (creds: string | object): string => {
  try {
    readCredentials(creds);
    return 'none';
  } catch (error) {
    const { key, message } = error as { key: string; message: string };
    return `${key}: ${message}`;
  }
};

describe('credentials', () => {
  test('credentials are none where the configuration has none', () => {
    expect(readCredentials(undefined)).toBeNull();
    expect(readCredentials(null)).toBeNull();
  });

  test('credentials are read from an object, JSON text, base64 and a file alike', () => {
    expect(readCredentials(keyFile)).toEqual(keyFile);
    expect(readCredentials(` ${text}\n`)).toEqual(keyFile);
    expect(readCredentials(Buffer.from(text).toString('base64'))).toEqual(keyFile);
    expect(readCredentials(Buffer.from(text).toString('base64').replace(/.{40}/g, '$&\n'))).toEqual(keyFile);
    expect(readCredentials(Buffer.from(text).toString('base64url'))).toEqual(keyFile);
    expect(readCredentials(fileWith('key.json', text))).toEqual(keyFile);
  });

  test('credentials that cannot be read are named in one line, in each form', () => {
    const types = 'service_account, authorized_user, external_account';
    expect(problemOf({ type: 'something' })).toBe(`creds: the object must have a type: ${types}`);
    expect(problemOf({ ...keyFile, private_key: '' })).toBe('creds: the object has no private_key');
    expect(problemOf('{"type":')).toBe('creds: the JSON text is not JSON');
    expect(problemOf(Buffer.from('{"type":').toString('base64'))).toBe('creds: the base64 text is not JSON');
    const missing = join(directory, 'missing.json');
    expect(problemOf(missing)).toBe(`creds: cannot read ${missing} (ENOENT)`);
    const broken = fileWith('broken.json', 'not JSON');
    expect(problemOf(broken)).toBe(`creds: the file ${broken} is not JSON`);
    expect(problemOf(fileWith('null.json', 'null'))).toMatch(/must have a type/);
  });

  test('credentials never appear in the message, whatever was wrong with them', () => {
    const cut = Buffer.from(`x${text}`).toString('base64').repeat(3);
    expect(problemOf(cut)).toMatch(/^creds: cannot read a text that is no JSON and no base64 of it \(\w+\)$/);
    for (const creds of [{ ...keyFile, type: 'x' }, text.slice(1), text.slice(0, -1)]) {
      expect(problemOf(creds)).not.toMatch(/SECRET/);
    }
  });
});
