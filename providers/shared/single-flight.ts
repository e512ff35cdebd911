import { setTimeout as delay } from 'node:timers/promises';
import { outsideCallScope, untilGivenUp } from './call-scope.js';

/**
 * One look that many callers share: each gets the result of a look that began after it asked, so that it shows all that
 * the caller had done before. Looks begin at least `restMs` apart; all who come meanwhile meet in the next.
 */
export class SharedLook<Result> {
  private readonly look: () => Promise<Result>;
  private readonly restMs: number;
  private restUntil: Promise<unknown> = Promise.resolve();
  private next: Promise<Result> | null = null;

  constructor(look: () => Promise<Result>, restMs: number) {
    this.look = look;
    this.restMs = restMs;
  }

  take(): Promise<Result> {
    this.next ??= outsideCallScope(() => this.begin());
    return untilGivenUp(this.next);
  }

  private async begin(): Promise<Result> {
    await this.restUntil;
    this.next = null;
    this.restUntil = delay(this.restMs);
    return await this.look();
  }
}
