// Random edits in random order: a cached result is always what a build without a cache makes. FUZZ_RUNS makes it run
// longer, and FUZZ_SEED changes the edits; test/chaos/edits.ts runs for hours and counts.
import test from 'ava';
import fc from 'fast-check';
import { isFull, runs, seed } from '../support/extent.ts';
import { Counts, happening, runSession } from './precise/session.ts';
import { SHAPES } from './precise/shapes.ts';

const EDITS = isFull ? 25 : 6;

for (const shape of Object.keys(SHAPES)) {
  test(`after any edits, cached firmware is what a build without a cache makes: ${shape}`, async t => {
    // The time limit of each run: the assertion at its end restarts it.
    t.timeout(600_000);
    const counts = new Counts();
    await fc.assert(
      fc.asyncProperty(
        fc.array(happening, { minLength: EDITS, maxLength: EDITS, size: 'max' }),
        async happenings => {
          await runSession(shape, happenings, counts);
          t.pass();
        },
      ),
      {
        numRuns: runs(1, 1),
        seed: seed(5),
        endOnFailure: true,
        includeErrorInReport: true,
      },
    );
    const { builds, cached, compiled, failed, unkept } = counts;
    t.log({ builds, cached, compiled, failed, unkept });
    // Otherwise nothing was tested.
    t.true(cached > 0 && compiled > 0);
  });
}
