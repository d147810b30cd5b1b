// Fuzzing of a cache's bytes: every read gives the stored value, a miss or a typed error. FUZZ_ROUNDS and FUZZ_SEED
// make it run longer, and elsewhere.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import test from 'ava';
import { isFull } from '../../support/extent.ts';
import { scratch } from '../damage/support.ts';

const rounds = Number(process.env.FUZZ_ROUNDS ?? (isFull ? 45 : 15));
const seed = Number(process.env.FUZZ_SEED ?? 20_251_014);

test(`random bytes in values, blobs and databases crash nothing, run nothing and take no memory (${rounds} rounds of seed ${seed})`, async t => {
  const timeout = 60_000 + rounds * 2000;
  t.timeout(timeout + 10_000);
  const program = new URL('fuzz-process.ts', import.meta.url).pathname;
  // The heap limit makes a huge allocation end the process, and the timeout does so for a hang.
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--no-warnings', '--max-old-space-size=128', program, await scratch(t), String(seed), String(rounds)],
    { timeout, killSignal: 'SIGKILL' },
  );
  t.log(stdout);
  const { decoded, refused, right, misses, values, megabytes } = JSON.parse(stdout) as Record<string, number>;
  // Both kinds occurred: damaged values, and intact ones.
  t.true(decoded! > 100 && refused! > 100 && right! > 100 && misses! > 100 && values! > 100);
  t.true(megabytes! < 512, `${megabytes} MB`);
});
