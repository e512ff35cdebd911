import { readFileSync } from 'node:fs';

/** Clock ticks are hundredths of a second on every Linux that Node runs on. */
const CLOCK_UNIT_MS = 10;

/** User and system time of a process so far, in milliseconds. Linux only. */
export function cpuMs(pid: number): number {
  const [user, system] = timesOf(pid);
  return (user + system) * CLOCK_UNIT_MS;
}

/** The same of a process with its children, those that have ended included. */
export function familyCpuMs(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  const ofChildren = children.map((child) => {
    try {
      return sum(timesOf(child));
    } catch {
      // It has ended since, and the parent's times have it.
      return 0;
    }
  });
  return (sum(timesOf(pid)) + sum(ofChildren)) * CLOCK_UNIT_MS;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** Ticks of user and system time of the process, then of its children that have ended. */
function timesOf(pid: number): [user: number, system: number, ...ofChildren: number[]] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // Fields 14 to 17; the second, the command's name, stands in parentheses and may hold blanks.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return [Number(fields[11]), Number(fields[12]), Number(fields[13]), Number(fields[14])];
}

/** Time that all processors together have spent on something so far, in milliseconds. Linux only. */
export function busyMs(): number {
  const [, user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = readFileSync('/proc/stat', 'utf8')
    .split('\n', 1)[0]!
    .split(/ +/)
    .map(Number);
  return (user + nice + system + irq + softirq) * CLOCK_UNIT_MS;
}

/** Memory that a process occupies, in bytes. Linux only. */
export function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? Number.NaN) * 1024;
}

/** How long a process's first thread has waited for a processor that others had, in milliseconds. Linux only. */
export function processorWaitMs(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[1]) / 1_000_000;
}
