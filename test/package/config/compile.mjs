// Stand-in for a compiler: its firmware consists of the keymap and the half's name.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const [shield, config, build, name] = process.argv.slice(2);
const keymap = readFileSync(join(config, 'config/tiny.keymap'));
console.log(`compiling ${shield}`);
writeFileSync(join(build, `${name}.bin`), Buffer.concat([Buffer.from(`${shield}\n`), keymap]));
