// Whatever is edited, in whatever order: what comes from the cache is what a build without a cache makes. FUZZ_RUNS makes
// it go on for longer, and FUZZ_SEED elsewhere; test/chaos/edits.ts runs for hours and counts.
import test from 'ava';
import fc from 'fast-check';
import { Counts, happening, runSession } from './precise/session.ts';
import { SHAPES } from './precise/shapes.ts';

const EDITS = 25;

for (const shape of Object.keys(SHAPES)) {
  test(`what comes from the cache is what a build without one makes, after any edits: ${shape}`, async t => {
    // Of each run: the assertion at its end begins the time anew.
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
        numRuns: Number(process.env.FUZZ_RUNS ?? 1),
        seed: Number(process.env.FUZZ_SEED ?? 5),
        endOnFailure: true,
        includeErrorInReport: true,
      },
    );
    const { builds, cached, compiled, failed, unkept } = counts;
    t.log({ builds, cached, compiled, failed, unkept });
    // Else nothing was tested.
    t.true(cached > 0 && compiled > 0);
  });
}
