import { afterEach, describe, expect, test } from '@jest/globals';
import { FairSemaphore, type SemaphoreLimits } from '../../../../api/http/fair-semaphore.js';
import { seededRandom } from '../../../support/seeded-random.js';

const HOUR_MS = 3_600_000;
const limits: SemaphoreLimits = { atOnce: 2, atOnceEach: 2, waiting: 100, waitingEach: 100 };

/** Calls that run until they are ended, by name. */
class Calls {
  readonly begun: string[] = [];
  readonly #ends = new Map<string, () => void>();
  readonly #semaphore: FairSemaphore;

  constructor(changes: Partial<SemaphoreLimits> = {}) {
    this.#semaphore = new FairSemaphore({ ...limits, ...changes });
  }

  /** `name` begins with the letter of its subject. */
  call(name: string, withinMs = HOUR_MS): Promise<string> {
    const work = () => {
      this.begun.push(name);
      return new Promise<string>((resolve) => this.#ends.set(name, () => resolve(name)));
    };
    return this.#semaphore.run(name[0]!, withinMs, work).then((passed) => passed?.result ?? `${name} put off`);
  }

  async end(name: string): Promise<void> {
    this.#ends.get(name)!();
    this.#ends.delete(name);
    await settled();
  }

  get running(): string[] {
    return [...this.#ends.keys()];
  }

  /** Ends what runs until nothing waits any more. */
  async drain(): Promise<void> {
    while (this.running.length > 0) await this.end(this.running[0]!);
  }
}

let calls: Calls;
afterEach(() => calls.drain());

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('a fair semaphore', () => {
  test('a fair semaphore lets subjects in one after the other, and the calls of each in their order', async () => {
    calls = new Calls({ atOnce: 1 });
    const all = ['a0', 'a1', 'a2', 'a3', 'b0', 'b1', 'c0'].map((name) => calls.call(name));
    await settled();
    await calls.drain();
    expect(calls.begun).toEqual(['a0', 'a1', 'b0', 'c0', 'a2', 'b1', 'a3']);
    expect((await Promise.all(all)).join(' ')).not.toContain('put off');
  });

  test('a fair semaphore keeps places for others when one subject has its share', async () => {
    calls = new Calls({ atOnce: 4, atOnceEach: 2 });
    for (const name of ['a0', 'a1', 'a2', 'b0', 'b1', 'b2', 'c0']) void calls.call(name);
    await settled();
    expect(calls.running).toEqual(['a0', 'a1', 'b0', 'b1']);
    await calls.end('a0');
    expect(calls.running).toEqual(['a1', 'b0', 'b1', 'a2']);
    await calls.end('b0');
    await calls.end('b1');
    expect(calls.running).toEqual(['a1', 'a2', 'b2', 'c0']);
  });

  test('a fair semaphore turns away who finds the line full, its own or that of all', async () => {
    calls = new Calls({ atOnce: 1, waitingEach: 2, waiting: 3 });
    for (const name of ['a0', 'a1', 'a2']) void calls.call(name);
    expect(await calls.call('a3')).toBe('a3 put off');
    await calls.end('a0');
    void calls.call('b0');
    void calls.call('c0');
    expect(await calls.call('d0')).toBe('d0 put off');
    expect(await calls.call('a4')).toBe('a4 put off');
  });

  test('a fair semaphore whose lines are full turns away the last of the longest for one who has none', async () => {
    calls = new Calls({ atOnce: 1, waitingEach: 3, waiting: 4 });
    void calls.call('a0');
    const [a1, a2, a3] = [calls.call('a1'), calls.call('a2'), calls.call('a3')];
    void calls.call('b0');
    void calls.call('c0');
    expect(await a3).toBe('a3 put off');
    expect(await calls.call('c1')).toBe('c1 put off');
    await calls.drain();
    expect(await Promise.all([a1, a2])).toEqual(['a1', 'a2']);
    expect(calls.begun).toEqual(['a0', 'a1', 'b0', 'c0', 'a2']);
  });

  test('a fair semaphore turns away who has waited too long, and those behind move up', async () => {
    calls = new Calls({ atOnce: 1 });
    void calls.call('a0');
    const late = calls.call('a1', 1);
    void calls.call('a2');
    expect(await late).toBe('a1 put off');
    await calls.end('a0');
    expect(calls.running).toEqual(['a2']);
    await calls.end('a2');
    void calls.call('b0');
    await settled();
    expect(calls.running).toEqual(['b0']);
  });

  test('a fair semaphore frees the place of work that fails', async () => {
    const semaphore = new FairSemaphore({ ...limits, atOnce: 1 });
    const failed = semaphore.run('a', HOUR_MS, () => Promise.reject(new Error('no')));
    await expect(failed).rejects.toThrow('no');
    expect(await semaphore.run('a', HOUR_MS, () => Promise.resolve(1))).toEqual({ result: 1 });
  });

  test.each([1, 2, 3, 4, 5])('a fair semaphore keeps its limits and leaves no place empty (seed %i)', async (seed) => {
    const random = seededRandom(seed);
    calls = new Calls({ atOnce: 4, atOnceEach: 2 });
    const open: string[] = [];
    const answers: Promise<string>[] = [];
    for (let n = 0; n < 300; n += 1) {
      if (random() < 0.55 && open.length < 60) {
        const name = `${'abcde'[Math.floor(random() * 5)]!}${n}`;
        open.push(name);
        answers.push(calls.call(name));
        await settled();
      } else if (calls.running.length > 0) {
        const name = calls.running[Math.floor(random() * calls.running.length)]!;
        open.splice(open.indexOf(name), 1);
        await calls.end(name);
      }
      const bySubject = (names: readonly string[]) => Map.groupBy(names, (name) => name[0]!);
      const most = [...bySubject(open).values()].reduce((sum, names) => sum + Math.min(2, names.length), 0);
      expect(calls.running).toHaveLength(Math.min(4, most));
      for (const names of bySubject(calls.running).values()) expect(names.length).toBeLessThanOrEqual(2);
    }
    await calls.drain();
    expect((await Promise.all(answers)).join(' ')).not.toContain('put off');
  });
});
