// The layout of the sources: an order in which imports go one way only, without cycles.
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';

const root = path.resolve(import.meta.dirname, '..');

/** The entries of `src`, each importing only from the ones before it; and the entry points for other packages. */
const ORDER = ['errors.ts', 'system', 'cache', 'config', 'registry.ts', 'keymap', 'builder', 'cli'];
const DOORS = ['index.ts', 'keyv.ts'];

const STATEMENT = /^(?:import|export) [^'"`;]*?\bfrom '(\.[^']+)'|^import '(\.[^']+)'/gm;
const CALL = /\bimport\(\s*'(\.[^']+)'/g;

/** The modules of this project that a source imports, for types or lazily included: relative to the root. */
function importsOf(file: string, source: string): string[] {
  const named = [...source.matchAll(STATEMENT), ...source.matchAll(CALL)].map(
    ([, one, other]) => one ?? other!,
  );
  return [...new Set(named.map(name => path.join(path.dirname(file), name)))];
}

const files = globSync('{src,workers,bench}/**/*.ts', { cwd: root }).sort();
const imports = new Map(
  files.map(file => [file, importsOf(file, readFileSync(path.join(root, file), 'utf8'))] as const),
);

/** The imports that form a cycle, as `a → b → a`; one for each cycle. */
function circlesOf(graph: ReadonlyMap<string, readonly string[]>): string[] {
  const circles: string[] = [];
  const done = new Set<string>();
  const way: string[] = [];
  const visit = (file: string): void => {
    if (way.includes(file)) {
      circles.push([...way.slice(way.indexOf(file)), file].join(' → '));
      return;
    }
    if (done.has(file)) return;
    way.push(file);
    for (const next of graph.get(file) ?? []) visit(next);
    way.pop();
    done.add(file);
  };
  for (const file of graph.keys()) visit(file);
  return circles;
}

/** The imports of a file in `src` that violate the order. */
function upwardImports(graph: ReadonlyMap<string, readonly string[]>): string[] {
  const rankOf = (file: string) => {
    const [, top] = file.split('/');
    return DOORS.includes(top!) ? ORDER.length : ORDER.indexOf(top!);
  };
  return [...graph].flatMap(([file, targets]) =>
    file.startsWith('src/')
      ? targets
          .filter(target => !target.startsWith('src/') || rankOf(target) > rankOf(file))
          .map(target => `${file} → ${target}`)
      : [],
  );
}

test('every import of the sources is found', t => {
  const statements = `import './a.ts';
import { b } from './b.ts';
import {
  type C,
  c,
} from './c.ts';
import type { D } from '../d.ts';
export { e } from './e.ts';
export * from './f.ts';
type G = import('./g.ts').G;
const h = await import('./h.ts');
const i = await import(
  './i.ts'
);
import other from 'other';
`;
  t.deepEqual(importsOf('src/x/y.ts', statements).sort(), [
    'src/d.ts',
    ...[...'abcefghi'].map(name => `src/x/${name}.ts`),
  ]);
  const count = (found: RegExp) =>
    files.flatMap(file => readFileSync(path.join(root, file), 'utf8').match(found) ?? []).length;
  // Roughly: everything that looks like the end of an import.
  t.true([...imports.values()].flat().length > 0.95 * count(/\bfrom '\./g));
  const missing = [...imports].flatMap(([file, targets]) =>
    targets
      .filter(target => target.startsWith('src/') && !imports.has(target))
      .map(target => `${file} → ${target}`),
  );
  t.deepEqual(missing, []);
});

test('every entry of src has its place in the order', t => {
  const tops = new Set(files.filter(file => file.startsWith('src/')).map(file => file.split('/')[1]!));
  t.deepEqual([...tops].sort(), [...ORDER, ...DOORS].sort());
});

test('no import goes up the order', t => {
  t.deepEqual(upwardImports(imports), []);
  t.deepEqual(upwardImports(new Map([['src/cache/a.ts', ['src/builder/b.ts', 'src/system/c.ts']]])), [
    'src/cache/a.ts → src/builder/b.ts',
  ]);
});

test('imports form no cycle, type imports included', t => {
  t.deepEqual(circlesOf(imports), []);
  t.deepEqual(
    circlesOf(
      new Map([
        ['a', ['b', 'c']],
        ['b', ['c']],
        ['c', ['b']],
      ]),
    ),
    ['b → c → b'],
  );
});

test('no folder of the sources is called build', t => {
  const named = files.filter(file => path.dirname(file).split('/').includes('build'));
  t.deepEqual(named, []);
});

/** The folders of a part of the sources, and each file beside them. */
function partsOf(graph: ReadonlyMap<string, readonly string[]>): Map<string, string[]> {
  const partOf = (file: string) => file.split('/').slice(0, 3).join('/');
  const parts = new Map<string, string[]>();
  for (const [file, targets] of graph) {
    const part = partOf(file);
    const others = targets.map(partOf).filter(other => other !== part);
    parts.set(part, [...(parts.get(part) ?? []), ...others]);
  }
  return parts;
}

test('the folders within a part of the sources form no cycle', t => {
  t.deepEqual(circlesOf(partsOf(imports)), []);
  const graph = new Map([
    ['src/cache/client/a.ts', ['src/cache/storage/b.ts']],
    ['src/cache/storage/c.ts', ['src/cache/d.ts']],
    ['src/cache/d.ts', ['src/cache/client/e.ts']],
  ]);
  t.deepEqual(circlesOf(partsOf(graph)), [
    'src/cache/client → src/cache/storage → src/cache/d.ts → src/cache/client',
  ]);
});
