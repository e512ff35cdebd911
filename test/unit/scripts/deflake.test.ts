import { spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { projectRoot } from '#scripts/node.mjs';
import { eventually } from '../../../dev/testing/eventually.js';
import { PATIENCE_MS } from '../../../dev/testing/patience.js';

/** A project whose "jest" fails a test in each second run, and notes which processes its parent has beside it. */
let folder: string;

const FAKE_JEST = `import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync, existsSync } from 'node:fs';
const runs = existsSync('runs') ? readFileSync('runs', 'utf8').split('\\n') : [];
const processes = execFileSync('ps', ['-axo', 'ppid=,pid='], { encoding: 'utf8' }).split('\\n').map((line) => line.trim().split(/ +/).map(Number));
const loops = processes.flatMap(([parent, pid]) => (parent === process.ppid && pid !== process.pid ? [pid] : []));
writeFileSync('runs', [...runs, loops.join(' ')].join('\\n'));
const fails = runs.length % 2 === 1 && !process.argv.includes('steady');
const [report] = process.argv.filter((arg) => arg.startsWith('--outputFile='));
const found = process.argv.includes('missing') ? 0 : 1;
const one = { status: fails ? 'failed' : 'passed', fullName: 'a test of the rain', failureMessages: fails ? ['it is wet'] : [] };
writeFileSync(report.slice('--outputFile='.length), JSON.stringify({
  numPassedTests: fails ? 0 : found, numFailedTests: fails ? 1 : 0,
  testResults: found ? [{ name: 'rain.test.ts', message: '', assertionResults: [one] }] : [],
}));
process.exit(fails ? 1 : 0);
`;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'worker-manager-deflake-'));
  mkdirSync(join(folder, 'scripts'));
  mkdirSync(join(folder, 'node_modules', 'jest', 'bin'), { recursive: true });
  for (const name of ['deflake.mjs', 'jest.mjs', 'node.mjs']) {
    copyFileSync(join(projectRoot, 'scripts', name), join(folder, 'scripts', name));
  }
  writeFileSync(join(folder, 'scripts', 'install.mjs'), 'export const ensureInstalled = async () => {};\n');
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module', engines: { node: '>=18' } }));
  writeFileSync(join(folder, 'node_modules', 'jest', 'package.json'), JSON.stringify({ type: 'module' }));
  writeFileSync(join(folder, 'node_modules', 'jest', 'bin', 'jest.js'), FAKE_JEST);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const start = (...args: string[]) => {
  const child = spawn(process.execPath, [join(folder, 'scripts', 'deflake.mjs'), ...args], {
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const ended = new Promise<{ code: number | null; output: string }>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, output }));
  });
  return { child, ended };
};
const runs = () => (existsSync(join(folder, 'runs')) ? readFileSync(join(folder, 'runs'), 'utf8').split('\n') : []);
const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

describe('npm run deflake', () => {
  test('npm run deflake runs tests as often as --times says, counts which failed, and fails with them', async () => {
    const { code, output } = await start('rain', '--times', '5').ended;
    expect(code).toBe(1);
    expect(output).toMatch(/^run 2 of 5 failed: a test of the rain/m);
    expect(output).toContain('a test of the rain: failed 2 times, first by\nit is wet');
    expect(output.trim().split('\n').at(-1)).toBe('3 runs passed, 2 failed');
    expect(runs()).toHaveLength(5);
  });

  test('npm run deflake passes when no run fails, with busy loops beside each that end with it', async () => {
    const { code, output } = await start('steady', '--times', '2', '--busy', '2').ended;
    expect([code, output.trim().split('\n').at(-1)]).toEqual([0, '2 runs passed, 0 failed']);
    const loops = runs().map((line) => line.split(' ').map(Number));
    expect(loops.map((pids) => pids.length)).toEqual([2, 2]);
    await eventually(() => loops.flat().every((pid) => !isAlive(pid)), {
      what: 'the end of the busy loops',
      withinMs: PATIENCE_MS,
    });
  });

  test('npm run deflake fails when it finds no test, or none is named', async () => {
    expect(await start('missing', '--times', '1').ended).toMatchObject({
      code: 1,
      output: expect.stringContaining('no test was found'),
    });
    expect(await start().ended).toMatchObject({ code: 2, output: expect.stringContaining('no test is named') });
    expect(await start('rain', '--times', 'often').ended).toMatchObject({ code: 2 });
  });

  test('npm run deflake stops at SIGTERM', async () => {
    const { child, ended } = start('steady', '--times', '9999');
    await eventually(() => runs().length > 1, { what: 'two runs', withinMs: PATIENCE_MS });
    child.kill('SIGTERM');
    expect(await ended).toMatchObject({ code: 130 });
  });
});
