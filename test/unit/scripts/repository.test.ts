import { existsSync, globSync, readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';

const { scripts, version } = JSON.parse(readFileSync('package.json', 'utf8')) as {
  scripts: Record<string, string>;
  version: string;
};
const text = (path: string) => readFileSync(path, 'utf8');

interface Job {
  readonly strategy?: { readonly matrix: { readonly script: readonly string[] } };
  readonly steps: readonly { readonly uses?: string; readonly run?: string }[];
}
const { jobs } = parse(text('.github/workflows/ci.yml')) as { jobs: Record<string, Job> };
const steps = Object.values(jobs).flatMap((job) => job.steps);

describe('the CI workflow', () => {
  test('the CI workflow runs each stage of npm test by its script', () => {
    expect(jobs['test']?.strategy?.matrix.script).toEqual([
      'check',
      ...Object.keys(scripts).filter((name) => /^test:(unit|workflows|integration|e2e)$/.test(name)),
    ]);
    expect(jobs['test']?.steps.at(-1)?.run).toBe('npm run ${{ matrix.script }}');
  });

  test('the CI workflow installs the servers that tests start', () => {
    const installed = steps.flatMap(({ run = '' }) => /apt-get install (.+)$/m.exec(run)?.[1]?.split(' ') ?? []);
    expect(installed).toEqual(expect.arrayContaining(['postgresql', 'rabbitmq-server']));
  });

  test('the CI workflow names a version of each action', () => {
    const actions = steps.flatMap(({ uses }) => (uses === undefined ? [] : [uses]));
    expect(actions.filter((action) => !/^[\w-]+\/[\w-]+@(v\d+|[0-9a-f]{40})$/.test(action))).toEqual([]);
  });
});

describe('pages for people', () => {
  const pages = ['*.md', 'docs/**/*.md', '.github/**/*.md'].flatMap((pattern) => globSync(pattern));

  test('the pages for people name npm scripts that exist', () => {
    const unknown = pages.flatMap((page) =>
      [...text(page).matchAll(/npm run ([a-z][a-z0-9:-]*)/g)]
        .filter(([, name = '']) => !(name in scripts))
        .map(([command]) => `${page}: ${command}`),
    );
    expect(unknown).toEqual([]);
  });

  test('the page of contributing names every script', () => {
    const page = text('CONTRIBUTING.md');
    const unnamed = Object.keys(scripts).filter((name) => {
      const [group, part] = name.split(':');
      return !page.includes(`npm run ${name}`) && !(page.includes(`npm run ${group}`) && page.includes(`\`:${part}\``));
    });
    expect(unnamed.filter((name) => !['start', 'test'].includes(name))).toEqual([]);
  });

  test('the pages of the repository exist, and the log of changes has what is pending', () => {
    const named = ['README', 'ARCHITECTURE', 'CONTRIBUTING', 'CHANGELOG', 'SECURITY', 'SCOPE'];
    expect(named.filter((name) => !existsSync(`${name}.md`))).toEqual([]);
    expect(text('CHANGELOG.md')).toMatch(/^## Pending$/m);
    expect(text('README.md')).toContain(`Version ${version}`);
  });
});

test('the development container and the image run the Node that the project names', () => {
  const [major] = text('.nvmrc').split('.');
  for (const path of ['Dockerfile', '.devcontainer/Dockerfile'])
    expect(text(path)).toContain(`FROM node:${major}-bookworm`);
  const { build } = JSON.parse(text('.devcontainer/devcontainer.json')) as { build: { dockerfile: string } };
  expect(existsSync(`.devcontainer/${build.dockerfile}`)).toBe(true);
});

test('the development container has the packages that CI installs', () => {
  const packages = [...text('.ci/run').matchAll(/packages\+=\((\S+)\)/g)].map(([, name = '']) => name);
  expect(packages.length).toBeGreaterThan(3);
  for (const name of packages) expect(text('.devcontainer/Dockerfile')).toContain(` ${name}`);
});
