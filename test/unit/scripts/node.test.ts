import { spawn } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { projectRoot, run } from '#scripts/node.mjs';

/** A project that needs a Node newer than any, and a cache with a "Node" of that version: a shell script. */
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'worker-manager-node-'));
  mkdirSync(join(folder, 'scripts'));
  copyFileSync(join(projectRoot, 'scripts', 'node.mjs'), join(folder, 'scripts', 'node.mjs'));
  writeFileSync(join(folder, '.nvmrc'), '99.1.0\n');
  writeFileSync(
    join(folder, 'program.mjs'),
    "import { ensureNode } from './scripts/node.mjs';\nawait ensureNode();\nconsole.log('ran');\n",
  );
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('a program that needs a newer Node', () => {
  test('a program that needs a newer Node runs again under the cached one, first on the PATH, with the same arguments and exit code', async () => {
    cacheNode('echo "$(command -v node)"; echo "$@"; exit 7');
    const { stdout, stderr, code } = await runProgram('>=99', ['one', 'two words']);
    const [path, args] = stdout.split('\n');
    expect(path).toBe(join(fakeBin(), 'node'));
    expect(args).toBe(`${join(folder, 'program.mjs')} one two words`);
    expect(stderr.trim().split('\n')).toEqual([expect.stringContaining('going on under Node 99.1.0')]);
    expect(code).toBe(7);
  });

  test('a program that needs a newer Node ends by the signal that ended the newer one', async () => {
    cacheNode('kill -TERM $$');
    expect(await runProgram('>=99', [])).toMatchObject({ code: null, signal: 'SIGTERM' });
  });

  test('a program that needs a newer Node passes SIGTERM on to the newer one', async () => {
    cacheNode("trap 'exit 5' TERM; echo ready; while :; do sleep 0.05; done");
    expect(await runProgram('>=99', [], (child) => child.kill('SIGTERM'))).toMatchObject({ code: 5 });
  });
});

test('a program whose Node is new enough just goes on', async () => {
  expect(await runProgram('>=22.18', [])).toMatchObject({ stdout: 'ran\n', stderr: '', code: 0 });
});

describe('a program in a group of its own', () => {
  const detached = { detached: true, stdio: 'ignore' } as const;

  test('a program in a group of its own ends with everything that it has left running', async () => {
    const left = join(folder, 'left');
    const { code, leftovers } = await run('sh', ['-c', `sleep 600 & echo $! > ${left}; exit 3`], detached);
    expect({ code, leftovers }).toEqual({ code: 3, leftovers: true });
    expect(() => process.kill(Number(readFileSync(left, 'utf8')), 0)).toThrow('ESRCH');
  });

  test('a program in a group of its own has no leftovers when it ends its own', async () => {
    expect(await run('sh', ['-c', 'true & wait'], detached)).toMatchObject({ code: 0, leftovers: false });
  });
});

const fakeBin = () =>
  join(
    folder,
    'cache',
    'worker-manager',
    'node-99.1.0',
    'node_modules',
    `node-${process.platform}-${process.arch}`,
    'bin',
  );

function cacheNode(script: string): void {
  mkdirSync(fakeBin(), { recursive: true });
  writeFileSync(join(fakeBin(), 'node'), `#!/bin/sh\n${script}\n`);
  chmodSync(join(fakeBin(), 'node'), 0o755);
}

type Child = ReturnType<typeof spawn>;

async function runProgram(engines: string, args: string[], onOutput: (child: Child) => void = () => {}) {
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ engines: { node: engines } }));
  const env = { PATH: process.env['PATH'], XDG_CACHE_HOME: join(folder, 'cache') };
  const child = spawn(process.execPath, [join(folder, 'program.mjs'), ...args], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
    onOutput(child);
  });
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve) =>
    child.on('close', (...end) => resolve(end)),
  );
  return { stdout, stderr, code, signal };
}
