/**
 * Compares what Stryker's report says of each mutation with the list of those that may live,
 * `test/mutation/survivors.md`. A mutation is known by its file and by the line that it makes, so that lines may move.
 *
 * The list has a heading for each file, and below it `- CODE: REASON` with the mutated line in backticks, however it is
 * indented.
 */

/** Of a report in the schema of mutation-testing-elements. */
export function compareSurvivors(report, list) {
  const mutations = Object.entries(report.files).flatMap(([file, { source, mutants }]) =>
    mutants.map((mutant) => ({ ...mutant, name: `${file}: ${mutatedLine(source, mutant)}` })),
  );
  const names = (wanted) => mutations.filter(wanted).map(({ name }) => name);
  const unreached = names(({ status }) => status === 'NoCoverage');
  const survivors = names(({ status }) => status === 'Survived' || status === 'NoCoverage');
  const stale = entriesOf(list);
  // An entry stands for one mutation, also where a file has the same line twice.
  const listed = survivors.filter((name) => removeOne(stale, name));
  const unlisted = [...survivors];
  for (const name of listed) removeOne(unlisted, name);
  return {
    total: mutations.length,
    listed,
    unlisted,
    stale,
    unreached,
    endless: names(({ status, statusReason }) => status === 'Timeout' && statusReason?.startsWith('Hit limit')),
    /** Cut off by the clock: an endless loop that never comes back to the mutation, or a machine that stood still. */
    timedOut: names(({ status, statusReason }) => status === 'Timeout' && !statusReason?.startsWith('Hit limit')),
    errors: names(({ status }) => status === 'RuntimeError' || status === 'CompileError'),
  };
}

/** The whole lines that a mutation changes, with the change, as one line. */
function mutatedLine(source, { location: { start, end }, replacement }) {
  const lines = source.split('\n');
  const before = lines[start.line - 1].slice(0, start.column - 1);
  const after = lines[end.line - 1].slice(end.column - 1);
  return oneLine(before + replacement + after);
}

function removeOne(names, name) {
  const index = names.indexOf(name);
  if (index >= 0) names.splice(index, 1);
  return index >= 0;
}

function entriesOf(list) {
  const entries = [];
  let file = '';
  for (const line of list.split('\n')) {
    file = /^## (\S+\.ts)$/.exec(line)?.[1] ?? file;
    const [, , code] = /^- (`+) ?(.+?) ?\1: .+$/.exec(line) ?? [];
    if (code) entries.push(`${file}: ${oneLine(code)}`);
  }
  return entries;
}

const oneLine = (text) => text.replaceAll(/\s+/g, ' ').trim();
