// Chaos run of edits: configs in the shapes of real ones, and everything around them, are edited at random, and each
// cached result is compared with a build without a cache.
//   npm run chaos:edits -- --minutes 60 --seed 1
import { parseArgs } from 'node:util';
import fc from 'fast-check';
import { Counts, happening, runSession, Violation } from '../builder/precise/session.ts';
import { SHAPES } from '../builder/precise/shapes.ts';

/** Edits of one config before the next one begins. */
const EDITS = 40;

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '1' }, seed: { type: 'string', default: '1' } },
});
const [minutes, seed] = [values.minutes, values.seed].map(Number) as [number, number];
const end = performance.now() + minutes * 60_000;
const isOver = () => performance.now() >= end;
console.log(`chaos of edits: seed ${seed}, ${minutes} min`);

const counts = new Counts();
const shapes = Object.keys(SHAPES);
let violations = 0;
for (let session = 0; !isOver(); session++) {
  const happenings = fc.sample(happening, { numRuns: EDITS, seed: seed * 10_000 + session });
  try {
    await runSession(shapes[session % shapes.length]!, happenings, counts, isOver);
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    violations++;
    console.log(`\nVIOLATION in session ${session}: ${error.message}`);
  }
}

const edits = [...counts.edits].sort(([, one], [, other]) => other - one);
console.log(
  [
    '',
    `seed             ${seed}`,
    `configs          ${counts.sessions}`,
    `edits            ${edits.reduce((sum, [, count]) => sum + count, 0)}`,
    ...edits.map(([kind, count]) => `  ${kind.padEnd(26)} ${count}`),
    `builds           ${counts.builds}`,
    `  compiled       ${counts.compiled}, ${counts.unkept} of them not kept`,
    `  failed         ${counts.failed}, as without a cache or on purpose`,
    `cached answers   ${counts.cached}, each compared with a build without a cache`,
    `violations       ${violations}`,
  ].join('\n'),
);
process.exit(violations === 0 ? 0 : 1);
