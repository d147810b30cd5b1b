// One machine of the remote chaos run: it edits its checkout, builds, and compares all firmware with the expected content,
// which follows from the sources without a compiler. It deletes its local caches repeatedly, so that it asks the remote one.
//
//   node test/chaos/remote/machine.ts '{ "root": …, "seed": …, "until": … }'    (the environment says which remote cache)
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createUserConfig } from '../../../src/config/index.ts';
import { publishedBuild, publishedLibrary } from '../../support/published.ts';
import { Random } from '../random.ts';

/** The result of one build. */
export interface Report {
  compiled: number;
  cache: number;
  remote: number;
  /** Violations, one sentence each. */
  wrong: string[];
  warnings: number;
  /** Milliseconds. */
  duration: number;
}

const TARGETS = ['alpha', 'beta', 'gamma', 'delta'];
/** So few states of each file that machines reach the same ones. */
const STATES = 2;

const COMPILER = `
name=$1 build=$2 config=$3
cat "$config/keymap" "$config/$name.h" "$config/large" > "$build/$name.uf2"
echo "$name.uf2: $config/keymap $config/$name.h $config/large" > "$build/read.d"
`;

const { root, seed, until } = JSON.parse(process.argv[2]!) as { root: string; seed: number; until: number };
const { build } = await publishedBuild();
const { resetSharedCacheInstances } = await publishedLibrary();
const random = new Random('machine', seed);
const config = path.join(root, `checkout-${seed}`);
let cacheRoot = path.join(root, 'cache-0');
const write = (file: string, content: string) => writeFileSync(path.join(config, file), content);
mkdirSync(path.join(config, 'config'), { recursive: true });
write('compile.sh', COMPILER);
write(
  'build.yaml',
  `include:\n${TARGETS.map(name => `  - { board: b, shield: ${name}, artifact-name: ${name} }\n`).join('')}`,
);
// Too large for a record, and hardly compressible.
const large = (state: number) =>
  Array.from(
    { length: 3_000 },
    (_, index) => ((index + 1) * 2_654_435_761 * (state + 1)) % 4_294_967_296,
  ).join('\n');

let caches = 0;
while (Date.now() < until) {
  const state: Record<string, string> = {
    keymap: `keymap ${random.between(1, STATES)}\n`,
    large: large(random.between(0, 1)),
  };
  for (const name of TARGETS) state[`${name}.h`] = `${name} ${random.between(1, STATES)}\n`;
  for (const [file, content] of Object.entries(state)) write(`config/${file}`, content);
  if (random.chance(0.5)) {
    await resetSharedCacheInstances();
    rmSync(cacheRoot, { recursive: true, force: true });
    // Caches that are still closing must not interfere with the new ones.
    cacheRoot = path.join(root, `cache-${++caches}`);
  }
  rmSync(path.join(config, 'firmware'), { recursive: true, force: true });
  const report: Report = { compiled: 0, cache: 0, remote: 0, wrong: [], warnings: 0, duration: 0 };
  const summary = await build({
    ...{ configDirectory: config, cacheRoot, toolchain: 'command', jobs: 2 },
    userConfig: createUserConfig(
      {
        toolchains: {
          command: {
            ...{ program: 'sh', arguments: ['compile.sh', '{name}', '{build}', '{config}/config'] },
            ...{ inputs: ['config/**', 'compile.sh'], artifacts: ['*.uf2'], observed: 'read.d' },
          },
        },
      },
      { directory: config },
    ),
    onEvent: event => {
      if (event.type === 'warning') report.warnings++;
      if (event.type === 'target-failed') report.wrong.push(`${event.target} failed: ${event.message}`);
    },
  });
  const { compiled, cached, remote, duration } = summary;
  Object.assign(report, { compiled, remote, cache: cached - remote, duration });
  for (const name of TARGETS) {
    const expected = `${state.keymap}${state[`${name}.h`]}${state.large}`;
    let found: string | undefined;
    try {
      found = readFileSync(path.join(config, 'firmware', `${name}.uf2`), 'utf8');
    } catch {
      report.wrong.push(`${name}.uf2 is missing`);
      continue;
    }
    if (found !== expected)
      report.wrong.push(`${name}.uf2 is not what its sources make: ${found.slice(0, 80)}`);
  }
  console.log(JSON.stringify(report));
}
await resetSharedCacheInstances();
