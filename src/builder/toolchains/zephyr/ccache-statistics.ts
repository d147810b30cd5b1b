// Statistics of ccache about one build: counts of the lines in its statistics log, which it writes since version 4.4.
//
//   # /workspace/zephyr/kernel/sched.c
//   preprocessed_cache_hit
import { readFileSync } from 'node:fs';
import type { CcacheStatistics } from '../toolchain.ts';

/** Undefined if there is no log. */
export function readCcacheStatistics(file: string): CcacheStatistics | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'latin1');
  } catch {
    return undefined;
  }
  const lines = text.split('\n');
  const count = (name: string) => lines.filter(line => line === name).length;
  return {
    direct: count('direct_cache_hit'),
    preprocessed: count('preprocessed_cache_hit'),
    missed: count('cache_miss'),
  };
}
