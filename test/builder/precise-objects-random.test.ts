// Hundreds of random edits, each built upon the last build's directory and compared, byte by byte, with a build from nothing.
import test from 'ava';
import { isFull } from '../support/extent.ts';
import { objectBench, whole, whyNot } from './precise-objects/bench.ts';
import { configFiles, EDITS, firstConfig } from './precise-objects/editor.ts';

/** By default only `npm run test:all` tries some. `PRECISE_EDITS=500` tries more, in any extent. */
const { PRECISE_EDITS } = process.env;
const COUNT = Number(PRECISE_EDITS ?? 4);

const isWanted = isFull || PRECISE_EDITS !== undefined;
const reason = whyNot() ?? (isWanted ? undefined : 'in full only');
const serial = reason === undefined ? test.serial : test.serial.skip;
const SEED = Number(process.env.PRECISE_SEED ?? 1);

serial(
  `after ${COUNT} random edits each firmware is that of a pristine build${reason === undefined ? '' : ` (${reason})`}`,
  async t => {
    t.timeout(600_000);
    const bench = await objectBench(t);
    let state = SEED;
    const draw = (below: number) => {
      state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
      return Math.floor((state / 0x80000000) * below);
    };
    const names = Object.keys(EDITS);
    const config = firstConfig();
    const taken = { incremental: 0, pristine: 0, compiled: 0, objects: 0 };
    for (let index = 0; index <= COUNT; index++) {
      const name = index === 0 ? 'the beginning' : names[draw(names.length)]!;
      EDITS[name]?.(config, draw);
      bench.write(configFiles(config));
      const { outcome, path } = await bench.build();
      const expected = whole(await bench.pristine());
      t.true(outcome.ok, JSON.stringify(outcome));
      if (
        !t.deepEqual(
          whole(outcome),
          expected,
          `edit ${index} of seed ${SEED}: ${name}, ${JSON.stringify(path)}`,
        )
      )
        return;
      if (process.env.PRECISE_VERBOSE) t.log(index, name, JSON.stringify(path));
      taken[path!.kind]++;
      if (path!.kind === 'incremental') {
        taken.compiled += path!.compiled;
        taken.objects += path!.objects;
      }
      // Now and then the person saves before everything is recorded.
      if (draw(5) > 0) t.true(await bench.record());
    }
    t.log(JSON.stringify(taken));
    t.true(taken.incremental > COUNT / 4);
    if (COUNT >= 12) t.true(taken.pristine > 1);
  },
);
