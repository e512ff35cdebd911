import { execFile, execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { type Instruction, readDockerfile } from './compose.js';

/** The system's packages, which this machine has, and what only makes the image smaller. */
const LEFT_OUT = /^(?:apt-get |rm -rf \/var\/lib\/apt|npm cache clean )/;

/**
 * Does what the COPY and RUN lines of the Dockerfile say, each stage in an empty folder below `folder` that stands for
 * its root. Gives the last stage's root: what the image would hold, the system aside. With `taken` nothing is installed
 * or built: this checkout's dist/ takes the place of a build, and links to its packages that of the product's.
 */
export async function replayDockerfile(folder: string, build: 'done' | 'taken'): Promise<string> {
  const roots = new Map<string, string>();
  let root = '';
  for (const [index, stage] of readDockerfile().entries()) {
    const [, name = `stage-${index}`] = / AS (\S+)$/.exec(stage[0]?.value ?? '') ?? [];
    root = join(folder, name);
    roots.set(name, root);
    const isBuild = name === 'build';
    const isLeftOut = ({ name: word, value }: Instruction) => word === 'RUN' && (isBuild || value.startsWith('npm '));
    await replayStage(build === 'taken' ? stage.filter((each) => !isLeftOut(each)) : stage, root, roots);
    if (build === 'done') continue;
    if (isBuild) takeBuild(join(root, 'app'));
    else linkPackages(join(root, 'app'));
  }
  return root;
}

/** Of dist/, what was built of a folder that is there. */
function takeBuild(app: string): void {
  const folders = readdirSync('dist', { withFileTypes: true }).filter((entry) => entry.isDirectory());
  for (const { name } of folders.filter((folder) => existsSync(join(app, folder.name)))) {
    cpSync(join('dist', name), join(app, 'dist', name), { recursive: true });
  }
  cpSync(join('dist', 'workflow-bundle.js'), join(app, 'dist', 'workflow-bundle.js'));
}

/** What `npm ci --omit=dev` would install at the top. */
function linkPackages(app: string): void {
  const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
    packages: Record<string, { dev?: true }>;
  };
  for (const [path, { dev }] of Object.entries(packages)) {
    const isAtTop = path.lastIndexOf('node_modules/') === 0;
    if (!isAtTop || dev || !existsSync(path)) continue;
    mkdirSync(dirname(join(app, path)), { recursive: true });
    symlinkSync(resolve(path), join(app, path));
  }
}

async function replayStage(stage: readonly Instruction[], root: string, roots: ReadonlyMap<string, string>) {
  let workingDirectory = root;
  for (const folder of ['usr/local/bin', 'app']) mkdirSync(join(root, folder), { recursive: true });
  for (const { name, value } of stage) {
    if (name === 'WORKDIR') workingDirectory = join(root, value);
    if (name === 'COPY') copy(value, workingDirectory, roots);
    if (name !== 'RUN') continue;
    for (const command of value.split(' && ').filter((each) => !LEFT_OUT.test(each))) {
      await promisify(execFile)('sh', ['-ec', command.replaceAll(/(?<=^|\s)\/(?=app\/|usr\/)/g, `${root}/`)], {
        cwd: workingDirectory,
        env: commandEnvironment(),
        maxBuffer: 64 * 1024 * 1024,
      });
    }
  }
}

/**
 * As in a shell of its own: what an `npm test` tells the programs below it of this project would have npm install into
 * it.
 */
function commandEnvironment(): NodeJS.ProcessEnv {
  const ofThisProject = /^npm_(?:package_|lifecycle_|config_(?:local_)?prefix$)/;
  const outer = Object.entries(process.env).filter(([name]) => !ofThisProject.test(name));
  return { ...Object.fromEntries(outer), NODE_OPTIONS: '', npm_config_prefer_offline: 'true' };
}

function copy(value: string, workingDirectory: string, roots: ReadonlyMap<string, string>): void {
  const words = value.split(' ');
  const [, stage] = /^--from=(.+)$/.exec(words[0] ?? '') ?? [];
  const target = join(workingDirectory, words.at(-1) ?? '');
  for (const source of words.slice(stage === undefined ? 0 : 1, -1)) {
    if (stage !== undefined) {
      cpSync(join(roots.get(stage) ?? '', source), target, { recursive: true });
      continue;
    }
    const isFolder = source === '.' || source.endsWith('/');
    const prefix = source === '.' ? '' : source;
    for (const file of contextFiles().filter((each) => (isFolder ? each.startsWith(prefix) : each === source))) {
      cpSync(file, join(target, isFolder ? file.slice(prefix.length) : basename(file)));
    }
  }
}

/** What a clone of this checkout gives to a build: its files, committed or not, without those of `.dockerignore`. */
export function contextFiles(): string[] {
  const ignored = readFileSync('.dockerignore', 'utf8').split('\n').filter(Boolean);
  const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { encoding: 'utf8' });
  return listed
    .split('\n')
    .filter((file) => file !== '' && existsSync(file))
    .filter((file) => !ignored.some((name) => file === name || file.startsWith(`${name}/`)));
}
