// The picture in the README of the example.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { layoutSvg } from '../../../src/cli/report/layout-svg.ts';
import { parseKeymap } from '../../../src/keymap/index.ts';

const EXAMPLE = path.resolve(import.meta.dirname, '../../../examples/corne');

/** All texts of a picture, which do not depend on where its keys are. */
function textsOf(svg: string): string[] {
  return Array.from(svg.matchAll(/<(text|title)[^>]*>([^<]*)</g), ([, , text]) => text!);
}

test('the picture shows the keymap as it is', async t => {
  const file = path.join(EXAMPLE, 'config/corne.keymap');
  const layout = await parseKeymap(await readFile(file, 'utf8'), { file });
  t.deepEqual(layout.errors, []);
  const svg = await readFile(path.join(EXAMPLE, 'layout.svg'), 'utf8');
  t.deepEqual(textsOf(svg), textsOf(layoutSvg('corne.keymap', layout, [])));
  t.regex(svg, /transform="rotate\(/, 'with the places of a real keyboard');
});
