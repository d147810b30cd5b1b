// The most memory that a process had within a span of time, as Linux counts it.
import { readFileSync, writeFileSync } from 'node:fs';

/** Begins a new span: what the process had before counts no more. Without an effect where Linux is not. */
export function forgetPeak(): void {
  try {
    writeFileSync('/proc/self/clear_refs', '5');
  } catch {
    // Not Linux, or not allowed: the peak is then that of the whole life of the process.
  }
}

/** The most resident memory of this process since {@link forgetPeak}, in bytes. */
export function peakMemory(): number {
  try {
    const [, kibibytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
    if (kibibytes) return Number(kibibytes) * 1024;
  } catch {
    // Not Linux.
  }
  return process.resourceUsage().maxRSS * 1024;
}
