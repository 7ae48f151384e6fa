// How much memory a process takes and took. Linux only.
import { readFileSync, writeFileSync } from 'node:fs';

/** The largest resident size that a process had, in bytes, since it began or was told to forget; 0 when it is gone. */
export const peakProcessBytes = (pid) => statusBytes(pid, 'VmHWM');

/** The resident size of a process, in bytes; 0 when it is gone. */
export const residentProcessBytes = (pid) => statusBytes(pid, 'VmRSS');

/** From here on the process's peak is what it has now, and more as it grows: proc_pid_clear_refs(5). */
export function forgetPeak(pid) {
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
}

function statusBytes(pid, field) {
  try {
    const [, kilobytes] = new RegExp(`${field}:\\s+(\\d+)`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return Number(kilobytes) * 1024;
  } catch {
    return 0;
  }
}
