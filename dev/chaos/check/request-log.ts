import { closeSync, openSync, readSync } from 'node:fs';
import type { Journal } from './journal.js';
import { PLANTED_TAG } from './world.js';

/** The simulator's log, read on as it grows: what the clouds were told, call by call. */

interface Line {
  readonly kind: string;
  readonly operation: string;
  readonly outcome: string;
  readonly [detail: string]: unknown;
}

interface Token {
  readonly requests: Set<unknown>;
  /** Calls that created machines. */
  creations: number;
  mismatches: number;
}

const LAUNCH_TAG = 'worker-manager-launch';
const CHUNK_BYTES = 1 << 20;

export class RequestLog {
  readonly #path: string;
  readonly #journal: Journal;
  #offset = 0;
  #rest: Buffer<ArrayBufferLike> = Buffer.alloc(0);
  readonly #tokens = new Map<string, Token>();
  /** Launches of EC2 by their tag, and ids of Azure, with how often each was created. */
  readonly #created = new Map<string, number>();
  /** What broke a promise, in words; the same only once. */
  readonly broken = new Set<string>();
  launchCalls = 0;

  constructor(path: string, journal: Journal) {
    this.#path = path;
    this.#journal = journal;
  }

  /** How many launches the clouds know: tokens with which they created something. */
  get launches(): number {
    return [...this.#tokens.values()].filter(({ creations }) => creations > 0).length;
  }

  readOn(): void {
    const file = openSync(this.#path, 'r');
    try {
      this.#readFrom(file);
    } finally {
      closeSync(file);
    }
  }

  #readFrom(file: number): void {
    const chunk = Buffer.alloc(CHUNK_BYTES);
    for (;;) {
      const bytes = readSync(file, chunk, 0, chunk.length, this.#offset);
      if (bytes === 0) return;
      this.#offset += bytes;
      const text = Buffer.concat([this.#rest, chunk.subarray(0, bytes)]);
      const end = text.lastIndexOf('\n') + 1;
      this.#rest = Buffer.from(text.subarray(end));
      for (const line of text.subarray(0, end).toString().split('\n')) if (line) this.#note(JSON.parse(line) as Line);
    }
  }

  #note(line: Line): void {
    if (line.kind === 'ec2') this.#noteEc2(line);
    else if (line.kind === 'gce') this.#noteGoogle(line);
    else if (line.kind === 'arm') this.#noteAzure(line);
  }

  #noteEc2(line: Line): void {
    if (line.operation === 'TerminateInstances') this.#noteRemoval(line, idsIn(line, 'ids'));
    if (line.operation !== 'RunInstances') return;
    const created = idsIn(line, 'created');
    const tags = (line['tags'] ?? {}) as Record<string, string>;
    if (PLANTED_TAG in tags) return;
    const token = line['clientToken'] as string | null;
    if (token) this.#noteLaunch(`${String(line['region'])} ${token}`, line, created.length > 0);
    const launch = tags[LAUNCH_TAG];
    if (created.length === 0 || !launch) return;
    if (!token) this.broken.add(`launched without a token: ${created.join(', ')} of launch ${launch}`);
    const times = (this.#created.get(launch) ?? 0) + 1;
    this.#created.set(launch, times);
    if (times > 1) this.broken.add(`launch doubled, under several tokens: ${launch}`);
  }

  #noteGoogle(line: Line): void {
    const { operation, outcome } = line;
    if (operation === 'instances.delete' && outcome === 'ok') this.#noteRemoval(line, idsIn(line, 'targets'));
    if (operation !== 'instances.bulkInsert') return;
    const launch = ((line['labels'] ?? {}) as Record<string, string>)[LAUNCH_TAG];
    // Refusals have no labels; nothing was launched.
    if (outcome !== 'ok' || !launch) return;
    if (line['requestId']) this.#noteLaunch(`Google ${launch}`, line, line['repeated'] !== true);
    else this.broken.add(`launched without a token: launch ${launch} at Google`);
  }

  /** A name is Azure's token: what exists is not created again. */
  #noteAzure(line: Line): void {
    const { operation, outcome } = line;
    if (operation.startsWith('DELETE ') && outcome === 'ok') this.#noteRemoval(line, [String(line['name'])]);
    const isPart = operation.startsWith('end of PUT ') && typeof line['deploymentId'] === 'string';
    const created = isPart ? [String(line['resourceId'])] : idsIn(line, 'created');
    for (const id of created) {
      const times = (this.#created.get(id) ?? 0) + 1;
      this.#created.set(id, times);
      if (/virtualMachines/.test(id)) this.launchCalls += 1;
      if (times > 1 && !this.#journal.foreign.has(id)) this.broken.add(`created ${times} times: ${id}`);
    }
  }

  #noteLaunch(key: string, line: Line, creates: boolean): void {
    const token = this.#tokens.get(key) ?? { requests: new Set(), creations: 0, mismatches: 0 };
    this.#tokens.set(key, token);
    token.requests.add(line['parametersHash']);
    if (creates) token.creations += 1;
    this.launchCalls += 1;
    if (line.outcome === 'IdempotentParameterMismatch') token.mismatches += 1;
    if (token.creations > 1) this.broken.add(`launch doubled: ${key}`);
    if (token.requests.size > 1 || token.mismatches > 0) this.broken.add(`two requests under one token: ${key}`);
  }

  #noteRemoval(line: Line, ids: readonly string[]): void {
    for (const id of ids) {
      if (this.#journal.foreign.has(id)) this.broken.add(`removal of what is not ours: ${line.operation} ${id}`);
    }
  }
}

const idsIn = (line: Line, name: string): readonly string[] => (line[name] as string[] | undefined) ?? [];
