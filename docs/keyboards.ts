// Writes the list of keyboards that `glovebox init` offers without a workspace, from ZMK's sources:
//
//   node docs/keyboards.ts path/to/zmk/app v0.3
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { readHardware } from '../src/builder/init/hardware.ts';
import { parseKeymap } from '../src/keymap/index.ts';

const [application, revision] = process.argv.slice(2);
if (application === undefined || revision === undefined) {
  throw new Error('Usage: node docs/keyboards.ts path/to/zmk/app REVISION');
}
const { keyboards, controllers } = await readHardware(path.resolve(application));
const lines: string[] = [];
for (const { id, name, kind, requires, parts, keymap } of keyboards) {
  const text = keymap === undefined ? '' : await readFile(keymap, 'utf8').catch(() => '');
  const { layers } = await parseKeymap(text, keymap === undefined ? {} : { file: keymap });
  const rows = layers[0]?.unreadable === undefined ? (layers[0]?.rows ?? []) : [];
  const own = parts.length === 1 && parts[0] === id ? '' : parts.join(' ');
  lines.push([id, name, kind === 'board' ? 'board' : requires.join(' '), own, rows.join(' ')].join(' | '));
}
const boards = controllers.map(({ id, name, exposes }) => [id, name, exposes.join(' ')].join(' | '));
const source = `// Keyboards and controllers of ZMK ${revision}, for a machine without ZMK's sources. Made by docs/keyboards.ts.

/** The version of ZMK that has all of them. */
export const BUNDLED_REVISION = '${revision}';

/** Id, name, connectors of a shield or \`board\`, parts unless it has one, keys in each row of the default keymap. */
export const BUNDLED_KEYBOARDS = \`
${lines.join('\n')}
\`;

/** Id, name, connectors. */
export const BUNDLED_CONTROLLERS = \`
${boards.join('\n')}
\`;
`;
await writeFile(path.resolve(import.meta.dirname, '../src/builder/init/bundled-list.ts'), source);
process.stdout.write(`${keyboards.length} keyboards, ${controllers.length} controllers\n`);
