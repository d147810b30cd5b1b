// The workflow and the action conform to GitHub's schema, and use no feature that GitHub has removed.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import test from 'ava';
import { build } from 'esbuild';
import { parse } from 'yaml';
import { blocksOf, documents } from '../docs/documents.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { readAction } from './runner.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const WORKFLOW = '.github/workflows/build-user-config.yml';
const read = (file: string) => readFileSync(path.join(ROOT, file), 'utf8');

/** The first versions whose runtime is Node 24. */
const LEAST: Record<string, number> = {
  'actions/checkout': 7,
  'actions/cache': 6,
  'actions/upload-artifact': 7,
  'actions/setup-node': 6,
};

test("GitHub's own parser finds no problem in the workflow and the action", async t => {
  // The parser is written for bundlers: it imports its schema in a way that Node does not support.
  const outfile = path.join(await temporaryDirectory(t), 'parser.cjs');
  const contents = `export { parseWorkflow } from '@actions/workflow-parser';
    export { parseAction } from '@actions/workflow-parser/actions/action-parser';`;
  const stdin = { contents, resolveDir: ROOT };
  await build({ stdin, bundle: true, platform: 'node', format: 'cjs', outfile, logLevel: 'silent' });
  const { parseWorkflow, parseAction } = await import(pathToFileURL(outfile).href);
  const trace = { error: () => undefined, info: () => undefined, verbose: () => undefined };
  const problems = (parser: typeof parseAction, content: string): string[] =>
    parser({ name: 'file.yml', content }, trace).context.errors.getErrors().map(String);
  t.deepEqual(problems(parseWorkflow, read(WORKFLOW)), []);
  t.deepEqual(problems(parseAction, read('action.yml')), []);
  for (const { file, text } of documents) {
    for (const block of blocksOf({ file, text })) {
      if (/^# \.github\/workflows/.test(block.text))
        t.deepEqual(problems(parseWorkflow, block.text), [], file);
    }
  }
  // The parser would report it.
  t.not(problems(parseWorkflow, read(WORKFLOW).replace('runs-on:', 'run-on:')).length, 0);
  t.not(problems(parseAction, read('action.yml').replace('shell: bash', 'shel: bash')).length, 0);
});

test("the workflow has the inputs of ZMK's own, with their defaults", t => {
  const { inputs } = parse(read(WORKFLOW)).on.workflow_call;
  t.like(inputs, {
    build_matrix_path: { default: 'build.yaml', required: false, type: 'string' },
    config_path: { default: 'config', required: false, type: 'string' },
    fallback_binary: { default: 'bin', required: false, type: 'string' },
    archive_name: { default: 'firmware', required: false, type: 'string' },
  });
});

test('the workflow does the same as the action, after it has checked the repository out', t => {
  const [checkout, ...steps] = parse(read(WORKFLOW)).jobs.build.steps;
  t.regex(checkout.uses, /^actions\/checkout@/);
  const action = readAction(path.join(ROOT, 'action.yml'));
  t.deepEqual(steps, action.runs.steps);
});

test('both run the version of Glovebox that they belong to', t => {
  const { version } = JSON.parse(read('package.json'));
  t.is(readAction(path.join(ROOT, 'action.yml')).inputs.version!.default, version);
  t.is(parse(read(WORKFLOW)).on.workflow_call.inputs.version.default, version);
  for (const [, said] of read('action.yml').matchAll(/inputs\.version \|\| '([^']+)'/g)) t.is(said, version);
});

test('every action that is used, in the documentation too, runs on Node 24', t => {
  const texts = [WORKFLOW, 'action.yml'].map(file => ({ file, text: read(file) }));
  let count = 0;
  for (const { file, text } of [...texts, ...documents]) {
    for (const [, name, version] of text.matchAll(/uses: ([\w./-]+)@v(\d+)/g)) {
      const owner = name!.split('/').slice(0, 2).join('/');
      if (owner === 'OWNER/glovebox') continue;
      t.true(Number(version) >= (LEAST[owner] ?? Number.POSITIVE_INFINITY), `${file}: ${name}@v${version}`);
      count++;
    }
  }
  t.true(count > 10);
});
