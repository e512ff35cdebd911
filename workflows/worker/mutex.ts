import { Trigger } from '@temporalio/workflow';

/** One step at a time, in the order of the calls. */
export class Mutex {
  private released: PromiseLike<void> = Promise.resolve();

  async run<T>(step: () => Promise<T>): Promise<T> {
    const before = this.released;
    const released = new Trigger<void>();
    this.released = released;
    // guard(one-change-at-a-time): drop
    await before;
    try {
      return await step();
    } finally {
      released.resolve();
    }
  }
}
