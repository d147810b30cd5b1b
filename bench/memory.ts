// Peak memory of a process within a span of time, as Linux counts it.
import { readFileSync, writeFileSync } from 'node:fs';

/** Resets the peak. No effect on other systems than Linux. */
export function forgetPeak(): void {
  try {
    writeFileSync('/proc/self/clear_refs', '5');
  } catch {
    // Not on Linux, or not permitted: the peak is then that of the whole process.
  }
}

/** Peak resident memory of this process since {@link forgetPeak}, in bytes. */
export function peakMemory(): number {
  try {
    const [, kibibytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
    if (kibibytes) return Number(kibibytes) * 1024;
  } catch {
    // Not on Linux.
  }
  return process.resourceUsage().maxRSS * 1024;
}
