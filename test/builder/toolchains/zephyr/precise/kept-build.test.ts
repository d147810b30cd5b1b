// Conditions under which the directory of a last build may be used, and kept.
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import {
  type FinishedBuild,
  KeptBuild,
} from '../../../../../src/builder/toolchains/zephyr/precise/kept-build.ts';
import { temporaryDirectory } from '../../../../support/temporary.ts';

const OBJECT = 'app/main.c.obj';
/** In seconds since the epoch. */
const COMPILED_AT = 1_000;
const CONDITIONS = { identity: 'west', declared: 'names' };

/** A finished build whose inputs are older than it. */
async function deskFor(t: ExecutionContext) {
  const root = await temporaryDirectory(t);
  const at = (name: string) => path.join(root, name);
  for (const name of ['build/app', 'include', 'tools', 'config']) mkdirSync(at(name), { recursive: true });
  const files = [
    'build/app/main.c.obj',
    'build/build.ninja',
    'include/api.h',
    'app.c',
    'tools/gcc',
    'tools/cc1',
  ];
  for (const name of [...files, 'config/corne.keymap']) writeFileSync(at(name), name);
  utimesSync(at(`build/${OBJECT}`), COMPILED_AT, COMPILED_AT);
  const places = { directory: at('kept'), state: at('kept.json'), macros: at('macros.json') };
  const finished = (started: number): FinishedBuild => ({
    ...{
      ...CONDITIONS,
      started,
      tools: [at('tools/gcc'), at('tools/cc1')],
      devicetree: [at('config/corne.keymap')],
    },
    observed: {
      files: [at('app.c'), at('include/api.h'), at('config/corne.keymap')],
      directories: [at('include')],
      absent: [at('config/corne.conf')],
    },
  });
  const keep = (started: number) => KeptBuild.keep(places, at('build'), finished(started), undefined, {});
  /** What the next build makes of it. */
  const obstacle = async (conditions = CONDITIONS) => {
    const taken = KeptBuild.take(places);
    return taken instanceof KeptBuild ? ((await taken.obstacle(conditions)) ?? taken.changed) : taken.why;
  };
  return { at, places, keep, obstacle };
}

type Desk = Awaited<ReturnType<typeof deskFor>>;

/** A desk whose build was kept, and lies where the next build expects it. */
async function keptDesk(t: ExecutionContext): Promise<Desk> {
  const desk = await deskFor(t);
  // Nothing was written after a beginning in the future.
  t.true(await desk.keep(Date.now() + 60_000));
  renameSync(desk.at('build'), desk.places.directory);
  return desk;
}

const replaced = (file: string) => {
  copyFileSync(file, `${file}.new`);
  renameSync(`${file}.new`, file);
};

const USABLE: [title: string, change: (desk: Desk) => void, changed: string[]][] = [
  ['nothing changed', () => {}, []],
  [
    'a source of the devicetree changed',
    ({ at }) => writeFileSync(at('config/corne.keymap'), 'new'),
    ['config/corne.keymap'],
  ],
  [
    'files were written as they were',
    ({ at }) => {
      for (const name of ['app.c', 'tools/cc1']) replaced(at(name));
    },
    [],
  ],
];
for (const [title, change, changed] of USABLE) {
  test(`the last directory is used when ${title}`, async t => {
    const desk = await keptDesk(t);
    change(desk);
    t.deepEqual(await desk.obstacle(), changed.map(desk.at));
  });
}

const OTHERS = /^others have changed its build directory$/;
const REACHES = /changed, which does not only reach the devicetree$/;
const UNUSABLE: [title: string, change: (desk: Desk) => void, why: RegExp][] = [
  ['another compiler', ({ at }) => writeFileSync(at('tools/cc1'), 'new'), /^the compiler changed$/],
  ['a compiler that is gone', ({ at }) => rmSync(at('tools/gcc')), /^the compiler changed$/],
  ['a source that is compiled', ({ at }) => writeFileSync(at('app.c'), 'new'), REACHES],
  ['a source of the devicetree that is gone', ({ at }) => rmSync(at('config/corne.keymap')), REACHES],
  [
    'a new file in a directory that was searched',
    ({ at }) => writeFileSync(at('include/new.h'), ''),
    /^the file list of .*include changed$/,
  ],
  [
    'a file that was looked for in vain',
    ({ at }) => writeFileSync(at('config/corne.conf'), ''),
    /corne\.conf came into being$/,
  ],
  [
    'an object that others wrote',
    ({ places }) => appendFileSync(path.join(places.directory, OBJECT), ' '),
    OTHERS,
  ],
  [
    'an object that others wrote, and gave its size and time',
    ({ places }) => {
      const file = path.join(places.directory, OBJECT);
      writeFileSync(file, readFileSync(file, 'utf8').toUpperCase());
      utimesSync(file, COMPILED_AT, COMPILED_AT);
    },
    OTHERS,
  ],
  [
    'an object with another time',
    ({ places }) => utimesSync(path.join(places.directory, OBJECT), 1, 1),
    OTHERS,
  ],
  [
    'a file that others added',
    ({ places }) => writeFileSync(path.join(places.directory, 'app/new.o'), ''),
    OTHERS,
  ],
  ['an object that others removed', ({ places }) => rmSync(path.join(places.directory, OBJECT)), OTHERS],
  [
    'a clock that went back',
    ({ places }) => changeState(places.state, { ended: Date.now() + 60_000 }),
    /^the clock went back$/,
  ],
  [
    'a record of another version',
    ({ places }) => changeState(places.state, { schema: 0 }),
    /^no directory of an earlier build was kept$/,
  ],
  [
    'a record that was cut off',
    ({ places }) => writeFileSync(places.state, '{"schema":1,'),
    /^no directory of an earlier build was kept$/,
  ],
  [
    'a record without its directory',
    ({ places }) => rmSync(places.directory, { recursive: true }),
    /^no directory of an earlier build was kept$/,
  ],
];
for (const [title, change, why] of UNUSABLE) {
  test(`the last directory is not used after ${title}`, async t => {
    const desk = await keptDesk(t);
    change(desk);
    t.regex(String(await desk.obstacle()), why);
  });
}

function changeState(file: string, change: object): void {
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), ...change }));
}

test('the last directory is not used for another target, workspace or list of files', async t => {
  for (const other of [{ identity: 'other' }, { declared: 'other' }]) {
    const { obstacle } = await keptDesk(t);
    t.is(typeof (await obstacle({ ...CONDITIONS, ...other })), 'string');
  }
});

test('a directory that is in use is not trusted by the next build, unless it is restored', async t => {
  const { obstacle, places } = await keptDesk(t);
  const taken = KeptBuild.take(places) as KeptBuild;
  t.false(existsSync(places.state), 'as a killed build leaves it');
  taken.restore();
  t.deepEqual(await obstacle(), []);
  t.is(await obstacle(), 'no directory of an earlier build was kept');
});

const MEANWHILE: [title: string, change: (desk: Desk) => void][] = [
  ['a source', ({ at }) => replaced(at('app.c'))],
  ['the compiler', ({ at }) => replaced(at('tools/cc1'))],
  ['a directory that was searched', ({ at }) => writeFileSync(at('include/new.h'), '')],
  [
    'a directory in which a file was looked for in vain',
    ({ at }) => writeFileSync(at('config/other.conf'), ''),
  ],
];
for (const [title, change] of MEANWHILE) {
  test(`a build is not kept when it changed meanwhile: ${title}`, async t => {
    const desk = await deskFor(t);
    // A file may be stamped with a time of up to a tick ago.
    const until = Date.now() + 25;
    while (Date.now() < until) await new Promise(resolve => setImmediate(resolve));
    const started = Date.now();
    t.true(await desk.keep(started));
    rmSync(desk.places.state);
    change(desk);
    t.false(await desk.keep(started));
    t.false(existsSync(desk.places.state));
  });
}
