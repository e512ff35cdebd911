import { randomUUID } from 'node:crypto';
import type { Listen, Listening } from './notifications.js';

/** A text of our own goes through the channel so often: that it comes back proves that all before it has come. */
const PROBE_INTERVAL_MS = 1_000;
/**
 * How old the last proof may be, and so what anybody believes. Idle workers call every five seconds or more: none is
 * misled twice.
 */
const MAX_AGE_MS = 5_000;
/** What has not come back by then does not come, through a pooler that keeps no sessions for instance. */
const PROBE_TIMEOUT_MS = 10_000;
const RECONNECT_INTERVAL_MS = 1_000;
const PROBE = 'probe ';

export interface CommitListener {
  /** What a commit has sent. */
  readonly onText: (text: string) => void;
  /** Texts may have been missed: nothing that was read before holds. */
  readonly onGap: () => void;
  /** It does not hear, after it did or at the begin; not at every attempt to hear again. */
  readonly onLost: (failure: unknown) => void;
  /** It hears again. */
  readonly onFound: () => void;
}

/**
 * Keeps listening to a channel, and says whether what has come is all that there was. A connection that looks open may
 * have been dead for long, so only a text of our own that came back counts.
 */
export class CommitFeed {
  readonly #listen: Listen;
  readonly #channel: string;
  readonly #listener: CommitListener;
  #listening: Listening | null = null;
  /** When the last text of our own was sent that came back; null: none has. */
  #provenAt: Instant | null = null;
  /** What the loop waits for: a text of our own, or time to pass. */
  #waiting: { readonly text: string | null; end(how: 'heard' | 'woken'): void } | null = null;
  #isLost = false;
  #isClosed = false;

  constructor(listen: Listen, channel: string, listener: CommitListener) {
    this.#listen = listen;
    this.#channel = channel;
    this.#listener = listener;
    void this.#run();
  }

  /** Whether every commit from now on is heard: what is read now stays true until a text or a gap. */
  get isListening(): boolean {
    return this.#listening !== null;
  }

  /** Whether all is heard that was committed until a few seconds ago. */
  get isCurrent(): boolean {
    return this.#listening !== null && this.#provenAt !== null && elapsedMs(this.#provenAt) < MAX_AGE_MS;
  }

  close(): void {
    this.#isClosed = true;
    this.#listening?.close();
    this.#waiting?.end('woken');
  }

  async #run(): Promise<void> {
    while (!this.#isClosed) {
      try {
        await this.#listenUntilLost();
      } catch (error) {
        if (!this.#isLost) this.#listener.onLost(error);
        this.#isLost = true;
      }
      if (!this.#isClosed) await this.#wait(RECONNECT_INTERVAL_MS);
    }
  }

  async #listenUntilLost(): Promise<void> {
    let isOpen = true;
    const onEnd = () => {
      isOpen = false;
      this.#forget();
      this.#waiting?.end('woken');
    };
    const listening = await this.#listen(this.#channel, { onText: (text) => this.#hear(text), onEnd });
    try {
      if (isOpen) this.#listening = listening;
      while (isOpen && !this.#isClosed) {
        await this.#prove(listening);
        if (this.#isLost) this.#listener.onFound();
        this.#isLost = false;
        await this.#wait(PROBE_INTERVAL_MS);
      }
      if (!this.#isClosed) throw new Error('the connection has ended');
    } finally {
      this.#forget();
      listening.close();
    }
  }

  async #prove(listening: Listening): Promise<void> {
    const sentAt = now();
    const text = `${PROBE}${randomUUID()}`;
    const answer = this.#wait(PROBE_TIMEOUT_MS, text);
    let failure: unknown = new Error('notifications do not come');
    listening.notify(text).catch((error: unknown) => {
      failure = error;
      if (this.#waiting?.text === text) this.#waiting.end('woken');
    });
    if ((await answer) !== 'heard') throw failure;
    this.#provenAt = sentAt;
  }

  #hear(text: string): void {
    if (!text.startsWith(PROBE)) this.#listener.onText(text);
    else if (text === this.#waiting?.text) this.#waiting.end('heard');
  }

  #forget(): void {
    if (this.#listening === null) return;
    this.#listening = null;
    this.#provenAt = null;
    this.#listener.onGap();
  }

  async #wait(ms: number, text: string | null = null): Promise<'heard' | 'woken' | 'late'> {
    return await new Promise((resolve) => {
      const end = (how: 'heard' | 'woken' | 'late') => {
        clearTimeout(timer);
        this.#waiting = null;
        resolve(how);
      };
      const timer = setTimeout(() => end('late'), ms);
      this.#waiting = { text, end };
    });
  }
}

/** One clock stands still while the host sleeps, the other may be set. */
const now = () => ({ monotonic: performance.now(), wall: Date.now() });
type Instant = ReturnType<typeof now>;
const elapsedMs = (since: Instant): number => Math.max(performance.now() - since.monotonic, Date.now() - since.wall);
