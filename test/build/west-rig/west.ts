// The program `west` of the tests. Controlled by a test, it waits for what it is told, and `build` is what the real one
// would do; on its own it does that at once.
import { writeSync } from 'node:fs';
import { obey } from '../rig/control.mjs';
import { parseWestBuild, westBuild } from './zephyr.ts';

const [address = '', ...words] = process.argv.slice(2);
// Given to it so that it starts sooner, and by nobody who is tested.
delete process.env.NODE_COMPILE_CACHE;
const print = (line: string) => void writeSync(1, `${line}\n`);
const build = () => westBuild(words, process.env, process.cwd(), print);

if (address === '') process.exit(build());
const { build: directory, board, snippets, variables } = parseWestBuild(words);
const options = {
  name: variables.SHIELD ?? board,
  ...{ build: directory, board, shield: variables.SHIELD ?? '', snippet: snippets.join(' ') },
  config: variables.ZMK_CONFIG ?? '',
  userCache: variables.USER_CACHE_DIR ?? '',
  jobs: process.env.CMAKE_BUILD_PARALLEL_LEVEL ?? '',
};
await obey(address, words, options, { build });
