/** A mail to the owner of a pool, in Markdown. */
export interface Mail {
  readonly address: string;
  readonly subject: string;
  readonly content: string;
}

/** An error, with all that equal it but for worker and launch config: what the latest one says. */
export interface MailedError {
  readonly errorId: string;
  readonly kind: string;
  readonly title: string;
  readonly description: string;
  readonly launchConfigId: string | null;
  readonly extra: Readonly<Record<string, unknown>>;
  /** Since the last mail about it. */
  readonly occurrences: number;
  /** Epoch milliseconds; null: the owner has had none. */
  readonly lastMailedAt: number | null;
}

/** Of the notify service. */
const MAX_SUBJECT = 255;
const MAX_CONTENT = 102_400;
/** Of what others have written, so that each error has its place. */
const MAX_TEXT = 2_000;
/** As Taskcluster's service has it: owners sort their mail by it. */
const SUBJECT = 'Taskcluster Worker Manager Error: ';

/** What the owner of a pool gets to know about its errors, of which `waiting` more are for the next mail. */
export function errorMail(
  { workerPoolId, owner }: { readonly workerPoolId: string; readonly owner: string },
  errors: readonly MailedError[],
  waiting: number,
): Mail {
  const others = errors.length - 1 + waiting;
  const rest = others > 0 ? ` (and ${others} more)` : '';
  const title = cut(oneLine(errors[0]?.title ?? ''), MAX_SUBJECT - SUBJECT.length - rest.length);
  const more = waiting > 0 ? [`${waiting} more errors of this worker pool come with the next mail.`] : [];
  return {
    address: owner,
    subject: `${SUBJECT}${title}${rest}`,
    content: cut(
      [
        `Worker Manager has met ${errors.length > 1 ? 'errors' : 'an error'} with the worker pool ${workerPoolId}.`,
        ...errors.flatMap(sectionOf),
        ...more,
        'It writes about the same error at most once an hour.',
      ].join('\n\n'),
      MAX_CONTENT,
    ),
  };
}

/** What others have written stands in code blocks: it is no Markdown of ours, and holds no links. */
function sectionOf({ title, kind, description, errorId, launchConfigId, extra, ...error }: MailedError): string[] {
  return [
    '---',
    indented(`${cut(oneLine(title), MAX_SUBJECT)}\n\n${cut(description, MAX_TEXT)}`),
    frequencyOf(error),
    indented(
      [
        `errorId: ${errorId}`,
        `kind: ${cut(oneLine(kind), MAX_SUBJECT)}`,
        `launchConfigId: ${launchConfigId ?? 'none'}`,
        `extra: ${cut(JSON.stringify(extra, null, 2), MAX_TEXT)}`,
      ].join('\n'),
    ),
  ];
}

function frequencyOf({ occurrences, lastMailedAt }: Pick<MailedError, 'occurrences' | 'lastMailedAt'>): string {
  const times = occurrences === 1 ? 'once' : `${occurrences} times`;
  if (lastMailedAt === null) return `It has occurred ${times}. The latest one:`;
  return `It has occurred ${times} since the last mail about it, at ${new Date(lastMailedAt).toISOString()}. The latest one:`;
}

const oneLine = (text: string): string => text.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, ' ').trim();

const indented = (text: string): string =>
  text
    .split(/\r\n|[\n\r\u2028\u2029]/)
    .map((line) => `    ${line}`)
    .join('\n');

const cut = (text: string, length: number): string =>
  text.length <= length ? text : `${text.slice(0, length - 1).toWellFormed()}…`;
