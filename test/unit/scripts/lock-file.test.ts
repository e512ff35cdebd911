import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { completeLock, type Lock } from '#scripts/complete-lock.mjs';
import { projectRoot } from '#scripts/node.mjs';

describe('package-lock.json', () => {
  test('package-lock.json has the packages of every platform, so that npm ci accepts it', () => {
    const lock = JSON.parse(readFileSync(join(projectRoot, 'package-lock.json'), 'utf8')) as Lock;
    expect(completeLock(lock)).toEqual([]);
  });

  test('package-lock.json gets a missing platform package at the version that its parent names, for that platform only', () => {
    const parent = { version: '1.2.3', dev: true, optionalDependencies: { '@a/b-linux-arm64-musl': '1.2.3' } };
    const lock: Lock = { packages: { '': {}, 'node_modules/@a/b': parent } };
    expect(completeLock(lock)).toEqual(['@a/b-linux-arm64-musl']);
    expect(lock.packages['node_modules/@a/b-linux-arm64-musl']).toEqual({
      version: '1.2.3',
      dev: true,
      optional: true,
      os: ['linux'],
      cpu: ['arm64'],
      libc: ['musl'],
    });
  });

  test('package-lock.json is not completed with a range, which would not be one version', () => {
    const lock: Lock = { packages: { 'node_modules/a': { optionalDependencies: { 'a-linux-x64': '^1.0.0' } } } };
    expect(() => completeLock(lock)).toThrow('a-linux-x64');
  });
});
