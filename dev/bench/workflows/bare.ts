import { condition, defineUpdate, setHandler } from '@temporalio/workflow';

export const touch = defineUpdate<number>('touch');

/** A workflow that lives for long and does nothing but answer: what the engine itself costs. */
export async function bare(): Promise<void> {
  let touched = 0;
  setHandler(touch, () => ++touched);
  await condition(() => false);
}
