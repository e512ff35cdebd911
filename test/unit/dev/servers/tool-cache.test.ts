import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { cachedTool, runProgram, type Way } from '../../../../dev/servers/tool-cache.js';

let folder: string;
const outerCache = process.env['XDG_CACHE_HOME'];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'worker-manager-tools-'));
  process.env['XDG_CACHE_HOME'] = folder;
});
afterEach(() => {
  if (outerCache === undefined) delete process.env['XDG_CACHE_HOME'];
  else process.env['XDG_CACHE_HOME'] = outerCache;
  rmSync(folder, { recursive: true, force: true });
});

const failing: Way = { how: 'a download', estimate: 'quick', fetch: () => Promise.reject(new Error('no network')) };

function building(onBuild: () => void = () => {}): Way {
  return {
    how: 'a build',
    estimate: 'five minutes',
    fetch(scratch) {
      onBuild();
      const path = join(scratch, 'made');
      writeFileSync(path, 'a program');
      return Promise.resolve(path);
    },
  };
}

describe('a tool that is not on this machine', () => {
  test('a missing tool comes by the first way that works, and each try is reported', async () => {
    const lines: string[] = [];
    const tool = await cachedTool('tool-1', 'tool', [failing, building()], (line) => lines.push(line));
    expect(tool.how).toBe('a build');
    expect(readFileSync(tool.path, 'utf8')).toBe('a program');
    expect(lines).toEqual([
      'tool: trying a download (quick)',
      'tool: not by a download: no network',
      'tool: trying a build (five minutes)',
    ]);
  });

  test('a missing tool is fetched once for all who ask at the same time, and is cached afterwards', async () => {
    let builds = 0;
    const find = () => cachedTool('tool-1', 'tool', [building(() => (builds += 1))], () => {});
    await Promise.all([find(), find(), find()]);
    expect((await find()).how).toBe('cached');
    expect(builds).toBe(1);
  });

  test('a missing tool that comes by no way is an error that names each way, and leaves nothing behind', async () => {
    const all = cachedTool('tool-1', 'tool', [failing, { ...failing, how: 'a wheel' }], () => {});
    await expect(all).rejects.toThrow('could not get tool: a download: no network; a wheel: no network');
    expect(readdirSync(join(folder, 'worker-manager'))).toEqual([]);
  });
});

describe('a program that fetches', () => {
  test('a fetch is ended when its folder no longer grows', async () => {
    const growing = join(folder, 'download');
    mkdirSync(growing);
    await expect(runProgram('sleep', ['60'], { growing, stallMs: 100 })).rejects.toThrow('no progress');
  });

  test('a failed fetch is reported by its last line, and a missing program by its name', async () => {
    await expect(runProgram('sh', ['-c', 'echo first; echo the reason >&2; exit 3'])).rejects.toThrow('the reason');
    await expect(runProgram('no-such-program', [])).rejects.toThrow('no-such-program is not installed');
  });
});
