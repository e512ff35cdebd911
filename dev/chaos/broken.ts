import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { projectRoot } from '#scripts/node.mjs';
import { runProgram } from '../servers/tool-cache.js';
import type { ScenarioName } from './scenarios/scenarios.js';

interface Edit {
  readonly file: string;
  /** In the file once. */
  readonly from: string;
  readonly to: string;
}

/** Builds that break a promise on purpose: the proof must fail with each of them. */
export const brokenBuilds = {
  /** Machines are launched without anything on record. */
  'no-launch-row': [
    {
      file: 'activities/pool/reserve.ts',
      from: '        if (await writeIntents(',
      to: [
        `        if (launching.kind === 'bulk') {`,
        '          for (const intent of intents) await launching.submit(intent);',
        '          return { launches: [], ...answer };',
        '        }',
        '        if (await writeIntents(',
      ].join('\n'),
    },
  ],
  /** A sweep removes whatever holds it. */
  'no-fuse': [
    { file: 'domain/orphans.ts', from: 'if (isHeld || left <= 0)', to: 'if ((isHeld && left < 0) || left <= 0)' },
  ],
  /** A launch is sent so that a repetition is another launch. */
  'no-token': [{ file: 'providers/aws/launch-request.ts', from: '    ClientToken: spec.token,\n', to: '' }],
  /** What a list does not show is not there, though the list says that it is not complete. */
  'incomplete-list': [
    {
      file: 'domain/orphans.ts',
      from: `'incomplete list': facts.listings.some(({ isComplete }) => !isComplete),`,
      to: `'incomplete list': false,`,
    },
    {
      file: 'domain/orphans.ts',
      from: 'const isProven = isComplete && ',
      to: 'const isProven = (isComplete || !isComplete) && ',
    },
    {
      file: 'domain/observation.ts',
      from: '  if (!completeFor(worker)) return UNDECIDED;\n',
      to: '  completeFor(worker);\n',
    },
  ],
} as const satisfies Record<string, readonly Edit[]>;
export type BrokenBuild = keyof typeof brokenBuilds;

/** What no misfortune of a few minutes is certain to bring about: scenarios in which these must be caught. */
export const caughtIn: Readonly<Partial<Record<BrokenBuild, ScenarioName>>> = {
  'no-fuse': 'unknown-machine',
  'incomplete-list': 'incomplete-list',
};

/** Its text with the edit; throws where the edit does not fit any more. */
export function applyEdit(text: string, { file, from, to }: Edit): string {
  if (text.split(from).length !== 2) throw new Error(`${file} does not hold this once: ${from}`);
  return text.replace(from, () => to);
}

const LEFT_OUT = ['.git', 'node_modules', '.worker-manager', '.mutation', 'test'];

/** A copy of the project that is broken so, and built; the caller removes it. */
export async function buildBroken(name: BrokenBuild): Promise<{ root: string; remove: () => void }> {
  const root = mkdtempSync(join(tmpdir(), 'worker-manager-broken-'));
  const isKept = (path: string) => !LEFT_OUT.includes(relative(projectRoot, path).split('/')[0] ?? '');
  cpSync(projectRoot, root, { recursive: true, preserveTimestamps: true, filter: isKept });
  symlinkSync(join(projectRoot, 'node_modules'), join(root, 'node_modules'));
  for (const edit of brokenBuilds[name]) {
    const path = join(root, edit.file);
    writeFileSync(path, applyEdit(readFileSync(path, 'utf8'), edit));
  }
  await runProgram(process.execPath, [join(root, 'scripts/build.mjs')]);
  return { root, remove: () => rmSync(root, { recursive: true, force: true }) };
}
