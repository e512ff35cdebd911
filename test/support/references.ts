import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';

/**
 * What pages and comments of the repository cite, and what of it a reader could not open. An anchor is an explicit
 * `<a id="…">` of a page; the slug of a heading is none, because headings are reworded.
 */

/** Paths of files, with `/`, from the root of the repository; null for one that is not read as text. */
export type Files = ReadonlyMap<string, string | null>;

const UNREAD_FOLDERS = new Set(['node_modules', 'dist', '.git', '.worker-manager', '.mutation', 'fixtures']);
const TEXT = /\.(?:md|ts|mts|mjs|sql|yml|html)$|^(?:\.ci\/run|bin\/[\w-]+|Dockerfile|\.env\.example)$/;

/** Every file of a checkout but what is installed, built or recorded. */
export function filesOf(root: string): Files {
  const files = new Map<string, string | null>();
  const walk = (folder: string) => {
    for (const entry of readdirSync(posix.join(root, folder), { withFileTypes: true })) {
      const path = posix.join(folder, entry.name);
      if (entry.isDirectory() && !UNREAD_FOLDERS.has(entry.name)) walk(path);
      if (entry.isFile()) files.set(path, TEXT.test(path) ? readFileSync(posix.join(root, path), 'utf8') : null);
    }
  };
  walk('');
  return files;
}

interface Line {
  readonly path: string;
  readonly number: number;
  readonly text: string;
  /** The part that is a comment; all of a page. Empty where there is none. */
  readonly prose: string;
}

/** One line for each reference that does not open: `path:line: what is wrong`. */
export function brokenReferences(files: Files): string[] {
  const paths = [...files.keys()];
  // A source may be cited by its name alone; a page is not.
  const names = paths.map((path) => posix.basename(path)).filter((name) => !name.endsWith('.md'));
  const places = new Set([...paths, ...paths.flatMap(foldersOf), ...names]);
  const anchors = new Map([...files].map(([path, text]) => [path, anchorsOf(path, text ?? '')]));
  const opens = (path: string, anchor: string | undefined) =>
    anchor === undefined ? places.has(path) : (anchors.get(path)?.includes(anchor) ?? false);
  const broken = linesOf(files).flatMap((line) =>
    citationsOf(line)
      .filter(({ candidates, anchor }) => !candidates.some((path) => opens(path, anchor)))
      .map(({ cited }) => `${line.path}:${line.number}: ${cited} does not open`),
  );
  const repeated = [...anchors].flatMap(([path, ids]) =>
    ids.filter((id, index) => ids.indexOf(id) !== index).map((id) => `${path}: #${id} is there twice`),
  );
  return [...broken, ...repeated];
}

/**
 * One line for each citation of what is no document of the repository, or of a number that only such a one explains.
 */
export function outsideReferences(files: Files): string[] {
  return linesOf(files).flatMap(({ path, number, text, prose }) =>
    [...matches(text, OUTSIDE_DOCUMENT), ...matches(withoutWeakPointLinks(path, prose), BARE_NUMBER)].map(
      ([cited]) => `${path}:${number}: ${cited} is explained outside of the repository`,
    ),
  );
}

// The brackets keep these lines from being found themselves.
const OUTSIDE_DOCUMENT = /original-behaviou[r]|\bcontract\.m[d]|\.\.\/shared\/desig[n]|google-note[s]/gi;
/** Weak points, rules of a design, and sections of what is no RFC. */
const BARE_NUMBER = /\bW\d{1,2}\b|\bR\d{1,2}\b|\brule \d+\b|(?<!RFC \d{1,5} )§[\d.]*/gi;

/** The page of weak points explains their numbers; a page may show one as a link to it. */
const withoutWeakPointLinks = (path: string, prose: string): string =>
  path === 'docs/weak-points.md' ? '' : prose.replaceAll(/\[W(\d+)\]\((?:[\w./-]*\/)?weak-points\.md#w\1\)/g, '');

interface Citation {
  readonly cited: string;
  /** Where it may be: a page's link starts at the page, a path in a sentence at the root or in the same folder. */
  readonly candidates: readonly string[];
  readonly anchor: string | undefined;
}

const LINK = /(?:\]\(|\b(?:src|href)=")(?![a-z]+:)([^\s)"#]*)(?:#([^\s)"]+))?[)"]/g;
const PAGE = /(?<![\w./@-])((?:[\w.-]+\/)*[\w-]+\.md)(?!\.?\w)(?:#([\w-]+))?/g;
const SOURCE = /(?<![\w./@~*-])(?!node_modules\/|x\.)((?:[\w.-]+\/)*[\w.-]+\.(?:ts|mts|mjs|sql))(?![\w(])/g;

function citationsOf({ path, text, prose }: Line): Citation[] {
  const folder = posix.dirname(path);
  const links = matches(path.endsWith('.md') ? text.replaceAll(/`[^`]*`/g, '') : '', LINK).map(
    ([cited, target, anchor]) => ({ cited, candidates: [target ? posix.join(folder, target) : path], anchor }),
  );
  const named = [...matches(text, PAGE), ...matches(prose, SOURCE)].map(([cited, target = '', anchor]) => ({
    cited,
    candidates: [posix.normalize(target), posix.join(folder, target)],
    anchor,
  }));
  return [...links, ...named].map((citation) => ({ ...citation, candidates: citation.candidates.map(withoutSlash) }));
}

const withoutSlash = (path: string): string => path.replace(/\/$/, '');

const COMMENT = /^\s*(?:\/\/|\/?\*|#|--)|\s\/\/\s/;

/** Lines of every text, without a page's blocks of code. */
function linesOf(files: Files): Line[] {
  return [...files].flatMap(([path, text]) => {
    const isPage = path.endsWith('.md');
    let isCode = false;
    return (text ?? '').split('\n').flatMap((line, index) => {
      const isFence = isPage && /^\s*```/.test(line);
      if (isFence) isCode = !isCode;
      if (isFence || isCode) return [];
      const start = isPage ? 0 : line.search(COMMENT);
      return [{ path, number: index + 1, text: line, prose: start < 0 ? '' : line.slice(start) }];
    });
  });
}

const anchorsOf = (path: string, text: string): string[] =>
  path.endsWith('.md') ? matches(text, /<a id="([^"]+)">/g).map(([, id = '']) => id) : [];

function foldersOf(path: string): string[] {
  const folder = posix.dirname(path);
  return folder === '.' ? ['.'] : [folder, ...foldersOf(folder)];
}

const matches = (text: string, pattern: RegExp): RegExpExecArray[] => [...text.matchAll(pattern)];
