// Whatever is edited, in whatever order: what comes from the cache is what a build without a cache makes. FUZZ_RUNS makes
// it go on for longer, and FUZZ_SEED elsewhere.
import test from 'ava';
import fc from 'fast-check';
import { Editor, edit, pick } from './precise/editor.ts';
import { Keyboards, TARGETS } from './precise/keyboards.ts';

test('what comes from the cache is what a build without one makes, after any edits', async t => {
  // Of each run: the assertion at its end begins the time anew.
  t.timeout(600_000);
  const counts = { cached: 0, compiled: 0, failed: 0 };
  const EDITS = 50;
  await fc.assert(
    fc.asyncProperty(fc.array(edit, { minLength: EDITS, maxLength: EDITS, size: 'max' }), async edits => {
      const keyboards = new Keyboards();
      const editor = new Editor(keyboards.repository, TARGETS, () => keyboards.changeWorkspace());
      try {
        for (const [index, one] of edits.entries()) {
          editor.do(one);
          // Some at once, all from time to time: what is in the cache is of different ages.
          const asked =
            index % 10 === 9
              ? editor.targets
              : [pick(editor.targets, one.c), pick(editor.targets, one.c + 1 + (one.b % 4))];
          for (const target of asked) {
            const expected = keyboards.fresh(target);
            const made = await keyboards.make(target);
            if ('failure' in made) counts.failed++;
            else if (made.source === 'cache') counts.cached++;
            else counts.compiled++;
            const firmware = 'failure' in made ? undefined : made.firmware;
            if (firmware !== expected) {
              const what = `${JSON.stringify(target)} after edit ${index}, ${JSON.stringify(made)}`;
              throw new Error(`${what}: expected ${expected}`);
            }
          }
        }
        t.pass();
      } finally {
        await keyboards.close();
      }
    }),
    {
      numRuns: Number(process.env.FUZZ_RUNS ?? 4),
      seed: Number(process.env.FUZZ_SEED ?? 5),
      endOnFailure: true,
      includeErrorInReport: true,
    },
  );
  t.log(counts);
  // Else nothing was tested.
  t.true(counts.cached > counts.compiled / 2);
});
