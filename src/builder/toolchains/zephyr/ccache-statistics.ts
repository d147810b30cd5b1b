// Statistics of ccache about one build, from the log that it writes since version 4.4:
//
//   # /workspace/zephyr/kernel/sched.c
//   preprocessed_cache_hit
import { readFileSync } from 'node:fs';
import type { CcacheStatistics } from '../toolchain.ts';

/** The counts of a log; undefined if there is none. */
export function readCcacheStatistics(file: string): CcacheStatistics | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'latin1');
  } catch {
    return undefined;
  }
  const count = (name: string) => text.split('\n').filter(line => line === name).length;
  return {
    direct: count('direct_cache_hit'),
    preprocessed: count('preprocessed_cache_hit'),
    missed: count('cache_miss'),
  };
}
