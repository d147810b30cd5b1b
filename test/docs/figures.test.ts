// The figures in the documentation are the measured ones.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { figuresOf, withFigures } from '../../docs/figures.ts';
import { ROOT, readDocument } from './documents.ts';

const results = readFileSync(path.join(ROOT, 'bench/RESULTS.md'), 'utf8');

test('the README and docs/benchmarks.md have the figures of bench/RESULTS.md: else run npm run figures', t => {
  for (const [file, figures] of Object.entries(figuresOf(results))) {
    const { text } = readDocument(file);
    t.is(text, withFigures(text, figures), file);
  }
});

test('figures that were not measured are left out', t => {
  const without = results.replace(/^## set: 64 in flight[\s\S]*?(?=^## )/m, '');
  t.regex(figuresOf(results)['docs/benchmarks.md'], /^\| set, 64 in flight \|/m);
  t.notRegex(figuresOf(without)['docs/benchmarks.md'], /^\| set, 64 in flight \|/m);
  t.regex(
    figuresOf(without)['docs/benchmarks.md'],
    /^\| set, one in flight \| 1 × 1 \| [\d,]+ \([\d.]+ µ?m?s\)/m,
  );
});

test('a document without a place for figures is an error', t => {
  t.throws(() => withFigures('# Nothing', 'figures'), { message: /no place for figures/ });
});
