// Keymaps in the shapes of real ones are drawn whole. Where GCC is on the machine, its expansion is compared.
import { mkdir, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { parseDevicetree } from '../../src/keymap/devicetree/parse.ts';
import { isEnabled, nodesOf, stringsOf } from '../../src/keymap/devicetree/tree.ts';
import { type Layer, parseKeymap } from '../../src/keymap/index.ts';
import { readLines } from '../../src/keymap/preprocessor/lexer.ts';
import { preprocess } from '../../src/keymap/preprocessor/preprocess.ts';
import { HOME, SourceFiles } from '../../src/keymap/preprocessor/source-files.ts';
import { type Token, textOf } from '../../src/keymap/preprocessor/token.ts';
import { builtInHeader } from '../../src/keymap/zmk/headers.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { hasGcc, NO_GCC, preprocessedByGcc } from './preprocessor/gcc.ts';
import { SHAPES, type Shape } from './shapes.ts';

async function write(t: ExecutionContext, { files }: Shape): Promise<{ keymap: string; module: string }> {
  const place = await temporaryDirectory(t);
  await mkdir(path.join(place, 'module'));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(place, name)), { recursive: true });
    await writeFile(path.join(place, name), text);
  }
  return { keymap: path.join(place, 'config/x.keymap'), module: path.join(place, 'module') };
}

/** A layer's name, and its keys as they are written, one line per row. */
function drawn({ name, bindings, rows }: Layer): [string, string] {
  const keys = bindings.map(({ behavior, parameters }) => [`&${behavior}`, ...parameters].join(' '));
  return [name, rows.map(count => keys.splice(0, count).join(' ')).join('\n')];
}

for (const [about, shape] of Object.entries(SHAPES)) {
  test(`${about}: all keys of all layers, in their rows`, async t => {
    const { keymap, module } = await write(t, shape);
    const source = shape.files['config/x.keymap']!;
    const { layers, errors } = await parseKeymap(source, { file: keymap, searchDirectories: [module] });
    t.deepEqual(errors, []);
    t.deepEqual(Object.fromEntries(layers.map(drawn)), shape.layers);
    t.deepEqual(
      layers.map(({ name }) => name),
      Object.keys(shape.layers),
      'in this order',
    );
  });

  const included = Object.keys(shape.files).filter(name => name !== 'config/x.keymap');
  if (included.length === 0) continue;
  test(`${about}: without one of the files, a layer is drawn as with it or not at all`, async t => {
    const { keymap, module } = await write(t, shape);
    const source = shape.files['config/x.keymap']!;
    for (const name of included) {
      const file = path.join(module, '..', name);
      await rename(file, `${file}~`);
      const { layers, errors } = await parseKeymap(source, { file: keymap, searchDirectories: [module] });
      await rename(`${file}~`, file);
      t.true(errors.length > 0, name);
      for (const layer of layers) {
        if (layer.unreadable === undefined) t.deepEqual(drawn(layer), [layer.name, shape.layers[layer.name]]);
      }
    }
  });
}

test('GCC expands each of these keymaps to the same keys', async t => {
  if (!hasGcc) {
    t.log(NO_GCC);
    t.pass();
    return;
  }
  const headers = await temporaryDirectory(t);
  for (const name of ['behaviors.dtsi', 'dt-bindings/zmk/keys.h', 'dt-bindings/zmk/modifiers.h']) {
    await writeHeader(headers, name);
  }
  await writeHeader(headers, 'dt-bindings/zmk/hid_usage_pages.h');
  await writeHeader(headers, 'dt-bindings/zmk/hid_usage.h');
  for (const [about, shape] of Object.entries(SHAPES)) {
    // A preprocessor does not know the includes of devicetree source itself.
    if (about.startsWith('a file that devicetree source')) continue;
    const { keymap, module } = await write(t, shape);
    const [text] = preprocessedByGcc(headers, [keymap], [module, headers]);
    const files = new SourceFiles({ home: path.dirname(keymap), searchDirectories: [module, headers] });
    const source = shape.files['config/x.keymap']!;
    const place = { directory: HOME, path: 'x.keymap' };
    const own = await preprocess({ name: keymap, text: source, isSystem: false, place }, files);
    const expected = readLines({ name: '', text: text ?? '', isSystem: false }).flat();
    const cells = cellsOf(expected);
    t.deepEqual(cellsOf(own.tokens), cells, about);
    t.deepEqual(
      cells.map(([name]) => name),
      Object.keys(shape.layers),
    );
  }
});

async function writeHeader(directory: string, name: string): Promise<void> {
  await mkdir(path.dirname(path.join(directory, name)), { recursive: true });
  await writeFile(path.join(directory, name), builtInHeader(name)!);
}

/** The name of each layer, and its cells with all macros expanded. */
function cellsOf(tokens: readonly Token[]): [string, string[]][] {
  const { root } = parseDevicetree(tokens);
  const keymap = [...nodesOf(root)].find(found => stringsOf(found, 'compatible').includes('zmk,keymap'));
  return [...(keymap?.children.values() ?? [])].filter(isEnabled).map(layer => {
    const values = layer.properties.get('bindings')?.values ?? [];
    const cells = values.flatMap(value => (value.kind === 'cells' ? value.cells : []));
    return [
      layer.name,
      cells.map(({ first, last }) => textOf(tokens.slice(first, last + 1)).replace(/\s/g, '')),
    ];
  });
}
