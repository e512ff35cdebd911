import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AzureKeys } from './azure/certificates.js';
import type { ArmSnapshot } from './azure/store.js';
import type { CloudSnapshot } from './ec2/cloud.js';
import type { StoredGoogleKeys } from './google/keys.js';
import type { GoogleSnapshot } from './google/store.js';
import type { StoredKey } from './identity/region-keys.js';
import type { AgentMemory } from './machines/agent.js';
import type { QueueSnapshot } from './queue/queue.js';
import type { CallCounts } from './request-log.js';

export interface State {
  readonly cloud: CloudSnapshot;
  readonly azure: ArmSnapshot;
  readonly google: GoogleSnapshot;
  readonly queue: QueueSnapshot;
  readonly agents: Readonly<Record<string, AgentMemory>>;
  readonly calls: CallCounts;
}

/** Changes are gathered for so long: a burst of 500 machines must not write the file 500 times. */
const SAVE_AFTER_MS = 1000;

/**
 * The simulator's memory in a directory. Files appear whole (written beside, then renamed) and are readable by their
 * owner only: they hold the machines' credentials and the signing keys.
 */
export class StateFile {
  readonly #directory: string | null;
  readonly #snapshot: () => State;
  #timer: NodeJS.Timeout | null = null;

  constructor(directory: string | null, snapshot: () => State) {
    this.#directory = directory;
    this.#snapshot = snapshot;
    if (directory !== null) mkdirSync(directory, { recursive: true, mode: 0o700 });
  }

  /** A part that an older simulator did not know is missing. */
  load(): Partial<State> {
    return this.#read<Partial<State>>('state.json') ?? {};
  }

  loadKeys(): Record<string, StoredKey> {
    return this.#read<Record<string, StoredKey>>('keys.json') ?? {};
  }

  /** Keeps the keys, and beside them the certificates in the shape that the product reads. */
  saveKeys(keys: Record<string, StoredKey>, certificates: unknown): void {
    this.#write('keys.json', keys);
    this.#write('identity-certificates.json', certificates);
  }

  loadAzureKeys(): AzureKeys | null {
    return this.#read<AzureKeys>('azure-keys.json');
  }

  /** Keeps the keys, and beside them the certificates that the product is to trust. */
  saveAzureKeys(keys: AzureKeys): void {
    this.#write('azure-keys.json', keys);
    this.#writeText('azure-root.pem', keys.root.certificate);
    this.#writeText('azure-intermediate.pem', keys.intermediate.certificate);
  }

  loadGoogleKeys(): StoredGoogleKeys | null {
    return this.#read<StoredGoogleKeys>('google-keys.json');
  }

  saveGoogleKeys(keys: StoredGoogleKeys): void {
    this.#write('google-keys.json', keys);
  }

  /** Something changed; it is saved soon. */
  changed(): void {
    if (this.#directory === null || this.#timer) return;
    this.#timer = setTimeout(() => this.save(), SAVE_AFTER_MS);
  }

  save(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    this.#write('state.json', this.#snapshot());
  }

  #read<T>(name: string): T | null {
    if (this.#directory === null) return null;
    let text: string;
    try {
      text = readFileSync(join(this.#directory, name), 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw error;
    }
    return JSON.parse(text) as T;
  }

  #write(name: string, value: unknown): void {
    this.#writeText(name, JSON.stringify(value));
  }

  #writeText(name: string, text: string): void {
    if (this.#directory === null) return;
    const path = join(this.#directory, name);
    writeFileSync(`${path}.new`, text, { mode: 0o600 });
    renameSync(`${path}.new`, path);
  }
}
