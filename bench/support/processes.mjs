// How much memory a process took.
import { readFileSync } from 'node:fs';

/** The largest resident size that a process ever had, in bytes; 0 when it is gone. Linux only. */
export function peakProcessBytes(pid) {
  try {
    const [, kilobytes] = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return Number(kilobytes) * 1024;
  } catch {
    return 0;
  }
}
