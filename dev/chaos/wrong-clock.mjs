/**
 * Loaded into a process before its program: its clock is wrong by CLOCK_ERROR_MS from then on, monotonic time is not.
 */
const errorMs = Number(process.env.CLOCK_ERROR_MS ?? 0);
const RightDate = Date;

globalThis.Date = class Date extends RightDate {
  constructor(...given) {
    if (given.length === 0) super(RightDate.now() + errorMs);
    else super(...given);
  }

  static now() {
    return RightDate.now() + errorMs;
  }
};
