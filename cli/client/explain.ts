import { stringify } from 'yaml';
import type { Candidate } from '../../domain/explain/explanation.js';
import { weightText } from '../../domain/explain/words.js';
import { EXIT, ExitError } from '../exit.js';
import { type Connection, pathPart } from './connection.js';
import { instantOf } from './instants.js';
import { type Form, type OutputOptions, textOf } from './output.js';

/** An explanation as the API gives it. */
export interface ExplanationBody {
  readonly subject: string;
  readonly at: string;
  readonly certainty: string;
  readonly cause: string;
  readonly sentence: string;
  readonly since: string | null;
  readonly until: string | null;
  readonly inputs: (Readonly<Record<string, number | null>> & { readonly ageMs: number | null }) | null;
  readonly arithmetic: readonly { readonly name: string; readonly text: string; readonly value: number }[];
  readonly bound: string | null;
  readonly also: readonly { readonly cause: string; readonly sentence: string }[];
  readonly nextChange: { readonly what: string; readonly at: string } | null;
  readonly candidates: readonly CandidateBody[];
  readonly evidence: readonly { readonly kind: string; readonly id: string; readonly at: string }[];
  readonly strip?: readonly SegmentBody[];
}

interface CandidateBody {
  readonly launchConfigId: string;
  readonly revision: number;
  readonly where: string | null;
  readonly type: string | null;
  readonly weight: Candidate['weight'];
  readonly outcome: string;
  readonly reason: string | null;
  readonly until: string | null;
  readonly requestIds: readonly string[];
}

interface SegmentBody {
  readonly from: string;
  readonly to: string;
  readonly cause: string;
  readonly certainty: string;
  readonly sentence: string;
}

export interface Instants {
  readonly at?: string;
  readonly from?: string;
  readonly to?: string;
}

/** Nobody evaluated then, or nothing is recorded. */
export const isUnanswered = ({ certainty }: ExplanationBody): boolean =>
  certainty === 'not-evaluated' || certainty === 'no-record';

/** `pool`, `task queue` or `pool/group/worker`; the API has an answer for a queue that no pool serves. */
export async function explain(
  { call }: Connection,
  subject: string,
  instants: Instants,
  nowMs: number,
): Promise<ExplanationBody> {
  return (await call('GET', `${pathOf(subject)}${queryOf(instants, nowMs)}`)) as ExplanationBody;
}

function pathOf(subject: string): string {
  const [provisioner, name, group, worker, ...rest] = subject.split('/');
  const isQueue = provisioner && name && group === undefined;
  if (isQueue) return `task-queue/${pathPart(subject)}/explain`;
  if (!provisioner || !name || !group || !worker || rest.length > 0) {
    throw new ExitError(
      EXIT.bad,
      `${subject}: give a pool or queue (PROJECT/NAME), or a worker (PROJECT/NAME/GROUP/ID)`,
    );
  }
  return `workers/${pathPart(`${provisioner}/${name}`)}/${pathPart(group)}/${pathPart(worker)}/explain`;
}

function queryOf({ at, from, to }: Instants, nowMs: number): string {
  if (to !== undefined && from === undefined) throw new ExitError(EXIT.bad, 'give --from with --to');
  if (at !== undefined && from !== undefined) throw new ExitError(EXIT.bad, 'give either --at, or --from and --to');
  const given = { ...(at !== undefined && { at }), ...(from !== undefined && { from, to: to ?? '-0s' }) };
  const query = Object.entries(given).map(([name, text]) => `${name}=${pathPart(instantOf(`--${name}`, text, nowMs))}`);
  return query.length === 0 ? '' : `?${query.join('&')}`;
}

export function explanationText(found: ExplanationBody, options: OutputOptions): string {
  const data: Partial<Record<Form, () => string>> = {
    json: () => `${JSON.stringify(found, null, 2)}\n`,
    yaml: () => stringify(found),
    name: () => `${found.cause}\n`,
  };
  return data[options.output]?.() ?? inWords(found, options);
}

function inWords(found: ExplanationBody, options: OutputOptions): string {
  const { sentence, cause, certainty, also, nextChange, inputs, arithmetic, candidates, evidence, strip } = found;
  const wide = options.output === 'wide';
  const since = found.since === null ? '' : `, since ${found.since}`;
  const lines = [
    sentence,
    `Cause       ${cause} (${certainty}) at ${found.at}${since}`,
    ...also.map((each) => `Also        ${each.cause}: ${each.sentence}`),
    ...(nextChange ? [`Next        ${nextChange.what} at ${nextChange.at}`] : []),
    ...(inputs ? [`Inputs      ${inputsText(inputs)}`] : []),
    ...(arithmetic.length > 0 ? [`Arithmetic  ${arithmetic.map(stepText).join(' · ')}`] : []),
    ...(wide ? evidence.map(({ kind, id, at }) => `Evidence    ${kind} ${id} at ${at}`) : []),
  ];
  const tables = [
    ...(candidates.length > 0 ? ['', textOf(candidates, candidateTable, options).trimEnd()] : []),
    ...(strip ? ['', textOf(strip, segmentTable, options).trimEnd()] : []),
  ];
  return `${[...lines, ...tables].join('\n')}\n`;
}

const stepText = ({ name, text, value }: ExplanationBody['arithmetic'][number]): string =>
  text === String(value) ? `${name} = ${value}` : `${name} = ${text} = ${value}`;

function inputsText({ ageMs, ...counts }: NonNullable<ExplanationBody['inputs']>): string {
  const shown = Object.entries(counts).map(([name, value]) => `${shortName(name)} ${value ?? 'unknown'}`);
  return [...shown, ...(ageMs === null ? [] : [`(read ${Math.round(ageMs / 1000)} s before)`])].join('  ');
}

/** `pendingTasks` → `pending`. */
const shortName = (name: string): string => name.replace(/(Tasks|Capacity|Ratio)$/, '');

const candidateTable = {
  nameOf: ({ launchConfigId }: CandidateBody) => launchConfigId,
  columns: [
    { title: 'CONFIG', of: ({ launchConfigId, revision }: CandidateBody) => `${launchConfigId} r${revision}` },
    {
      title: 'WHERE/TYPE',
      of: ({ where, type }: CandidateBody) => [where, type].filter((each) => each !== null).join(' '),
    },
    { title: 'WEIGHT', of: ({ weight }: CandidateBody) => weightText(weight) },
    { title: 'OUTCOME', of: ({ outcome, reason }: CandidateBody) => (reason ? `${outcome}: ${reason}` : outcome) },
    { title: 'UNTIL', of: ({ until }: CandidateBody) => until },
    { title: 'CLOUD REQUEST', of: ({ requestIds }: CandidateBody) => requestIds.join(' ') },
  ],
};

const segmentTable = {
  nameOf: ({ from }: SegmentBody) => from,
  columns: [
    { title: 'FROM', of: ({ from }: SegmentBody) => from },
    { title: 'TO', of: ({ to }: SegmentBody) => to },
    { title: 'CAUSE', of: ({ cause }: SegmentBody) => cause },
    { title: 'CERTAINTY', wide: true, of: ({ certainty }: SegmentBody) => certainty },
    { title: 'SENTENCE', of: ({ sentence }: SegmentBody) => sentence },
  ],
};
