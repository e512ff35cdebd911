/**
 * Loaded into a process before its program: its clock is wrong by CLOCK_ERROR_MS from then on, monotonic time is not.
 * Whatever else there is of dates is as it was, also of those that Node makes itself.
 */
const errorMs = Number(process.env.CLOCK_ERROR_MS ?? 0);
const RightDate = Date;
const now = () => RightDate.now() + errorMs;

globalThis.Date = new Proxy(RightDate, {
  construct: (target, given, type) => Reflect.construct(target, given.length === 0 ? [now()] : given, type),
  apply: () => new RightDate(now()).toString(),
  get: (target, key) => (key === 'now' ? now : Reflect.get(target, key)),
});
