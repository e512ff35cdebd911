import { setTimeout as delay } from 'node:timers/promises';
import { outsideCallScope, untilGivenUp } from './call-scope.js';

/**
 * One call that many callers share: each gets the result of a call that began after it asked, so that it shows all that
 * the caller had done before. Calls begin at least `intervalMs` apart; all who come meanwhile meet in the next.
 */
export class SingleFlight<Result> {
  private readonly work: () => Promise<Result>;
  private readonly intervalMs: number;
  private notBefore: Promise<unknown> = Promise.resolve();
  private next: Promise<Result> | null = null;

  constructor(work: () => Promise<Result>, intervalMs: number) {
    this.work = work;
    this.intervalMs = intervalMs;
  }

  run(): Promise<Result> {
    this.next ??= outsideCallScope(() => this.begin());
    return untilGivenUp(this.next);
  }

  private async begin(): Promise<Result> {
    await this.notBefore;
    this.next = null;
    this.notBefore = delay(this.intervalMs);
    return await this.work();
  }
}
