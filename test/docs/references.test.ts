// Names in the documentation refer to existing things: files, headings, functions, error codes, options, variables,
// commands.
import { existsSync, globSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { Writable } from 'node:stream';
import test from 'ava';
import { parse } from 'yaml';
import { run } from '../../src/cli/program.ts';
import { createUserConfig } from '../../src/config/index.ts';
import { issuesOf } from '../../src/config/schema.ts';
import { blocksOf, codeSpansOf, type Document, documents, ROOT, readDocument } from './documents.ts';

interface Link {
  label: string;
  /** Relative to the repository. */
  target: string;
  heading: string | undefined;
}

/** The links and pictures of a document that stay within the repository. */
function linksOf({ file, text }: Document): Link[] {
  const links = [
    ...text.matchAll(/\[((?:[^[\]]|\[[^\]]*\])*)\]\((?!https?:)([^)#\s]*)(?:#([^)]*))?\)/g),
    ...text.matchAll(/(?<=(alt|srcset)[^>]*)(?:src|srcset)="([^"]+)"()/g),
  ];
  return links.map(([, label, target, heading]) => ({
    label: label!,
    target: target === '' ? file : path.join(path.dirname(file), target!),
    heading: heading || undefined,
  }));
}

/** The anchors that GitHub gives to the headings of a document. */
function headingsOf({ text }: Document): string[] {
  const prose = text.replace(/^```[\s\S]*?^```$/gm, '');
  return [...prose.matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-'),
  );
}

for (const document of documents) {
  const links = linksOf(document);
  if (links.length === 0) continue;
  test(`${document.file} links to files and headings that exist`, t => {
    const isMissing = ({ target, heading }: Link) =>
      !existsSync(path.join(ROOT, target)) ||
      (heading !== undefined && !headingsOf(readDocument(target)).includes(heading));
    t.deepEqual(links.filter(isMissing), []);
  });
}

test('a link that is named after a function leads to the file that contains it', t => {
  const named = documents.flatMap(linksOf).filter(({ label }) => /^`[\w.#]+`$/.test(label));
  const inCode = named.filter(({ target }) => target.endsWith('.ts'));
  t.true(inCode.length > 5);
  for (const { label, target } of inCode) {
    const name = label.slice(1, -1).split('.').at(-1)!;
    const source = readFileSync(path.join(ROOT, target), 'utf8');
    t.regex(source, new RegExp(`(^|\\W)${name}\\b`, 'm'), `${label} in ${target}`);
  }
});

test('every page of docs can be reached from the README', t => {
  const reached = new Set(['README.md']);
  for (const file of reached) {
    for (const { target } of linksOf(readDocument(file))) {
      if (target.endsWith('.md') && existsSync(path.join(ROOT, target))) reached.add(target);
    }
  }
  t.deepEqual(
    documents.map(({ file }) => file).filter(file => !reached.has(file)),
    [],
  );
});

test('the README has at most 150 lines', t => {
  t.true(readDocument('README.md').text.split('\n').length <= 151);
});

const sources = globSync('src/**/*.ts', { cwd: ROOT }).map(file =>
  readFileSync(path.join(ROOT, file), 'utf8'),
);
const inSources = (pattern: RegExp) => new Set(sources.flatMap(text => text.match(pattern) ?? []));

test('every error code of the sources is explained, and no other', t => {
  const { text } = readDocument('docs/troubleshooting.md');
  const explained = [...text.matchAll(/^\| `(GLOVEBOX_\w+)` \| (.*) \|$/gm)];
  const variables = new Set(codeSpansOf(readDocument('docs/configuration.md')));
  const codes = [...inSources(/(?<=')GLOVEBOX_[A-Z_]+(?=')/g)].filter(name => !variables.has(name));
  t.true(codes.length > 20);
  t.deepEqual(explained.map(([, code]) => code!).sort(), codes.sort());
  // A meaning and a remedy.
  for (const [, code, cells] of explained) t.true(cells!.split(' | ').length >= 2, code);
});

test('a class that is named beside a code is the one with that code', t => {
  const { text } = readDocument('docs/troubleshooting.md');
  const errors = readFileSync(path.join(ROOT, 'src/errors.ts'), 'utf8');
  const rows = [...text.matchAll(/^\| `(GLOVEBOX_\w+)` \| `(\w+Error)` \|/gm)];
  t.true(rows.length > 5);
  for (const [, code, name] of rows)
    t.regex(errors, new RegExp(`class ${name} (?:(?!^class)[\\s\\S])*?'${code}'`));
});

/** The options that the schema allows, found by using an unknown one in each map. */
function knownOptions(): string[] {
  const maps = [
    '',
    'cache',
    'build',
    'toolchains.command',
    'toolchains.west',
    'toolchains.container',
    'workspaces',
    'remote',
  ];
  return maps.flatMap(place => {
    const value = place.split('.').reduceRight((inner: object, name) => (name ? { [name]: inner } : inner), {
      unknown: 1,
    });
    const issue = issuesOf(value).find(({ type }) => type === 'raw_check');
    return issue!.expected!.split(', ').map(name => (place ? `${place}.${name}` : name));
  });
}

test('every option of the config file is explained', t => {
  const spans = new Set(codeSpansOf(readDocument('docs/configuration.md')));
  const options = knownOptions().filter(option => option.includes('.'));
  t.true(options.length > 20);
  t.deepEqual(
    options.filter(option => !spans.has(option) && !spans.has(option.replace('toolchains.command.', ''))),
    [],
  );
});

test('the config files in the documentation are valid', t => {
  const configs = documents
    .flatMap(blocksOf)
    .filter(({ language, text }) => language === 'yaml' && /^(cache|build|toolchains):/m.test(text));
  t.is(configs.length, 2);
  for (const { text } of configs) t.notThrows(() => createUserConfig(parse(text)));
});

test('every environment variable that the sources read is explained', t => {
  const { text } = readDocument('docs/configuration.md');
  const environment = readFileSync(path.join(ROOT, 'src/config/environment.ts'), 'utf8');
  const read = new Set(environment.match(/(?<=environment\.)[A-Z_]+/g));
  t.true(read.size > 5);
  // The platform's cache directory depends on these.
  const known = [...read].filter(name => !name.startsWith('XDG'));
  t.deepEqual(
    known.filter(name => !text.includes(name)),
    [],
  );
});

test('every option of a cache is explained', t => {
  const options = readFileSync(path.join(ROOT, 'src/cache/options.ts'), 'utf8');
  const names = [...options.matchAll(/^ {2}(\w+)\?:/gm)].map(([, name]) => name!);
  t.true(names.length > 8);
  const { text } = readDocument('docs/cache.md');
  t.deepEqual(
    names.filter(name => !text.includes(`\n| \`${name}\` |`)),
    [],
  );
});

test('every method of a cache is in the table of tasks', t => {
  const { text } = readDocument('docs/cache.md');
  const cache = readFileSync(path.join(ROOT, 'src/cache/cache.ts'), 'utf8');
  const [, body] = /^export interface Cache \{\n([\s\S]*?)^\}/m.exec(cache)!;
  const methods = new Set([...body!.matchAll(/^ {2}(\w+)[<(]/gm)].map(([, name]) => name!));
  t.true(methods.size > 15);
  const table = text.slice(text.indexOf('| task |'));
  t.deepEqual(
    [...methods].filter(name => !table.includes(`\`${name}(`)),
    [],
  );
});

test('every npm script in the documentation exists', t => {
  const { scripts } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'));
  const named = documents
    .flatMap(({ text }) => [...text.matchAll(/npm run ([\w:-]+)/g)])
    .map(([, name]) => name!);
  t.deepEqual(
    named.filter(name => !(name in scripts)),
    [],
  );
});

/** The help of a command; undefined if there is no such command. */
async function helpOf(words: readonly string[]): Promise<string | undefined> {
  let text = '';
  const sink = () =>
    new Writable({
      write: (chunk, _, done) => {
        text += chunk;
        done();
      },
    }) as NodeJS.WriteStream;
  const { stdin, cwd } = process;
  const surroundings = { stdin, stdout: sink(), stderr: sink(), cwd } as unknown as NodeJS.Process;
  return (await run([...words, '--help'], surroundings)) === 0 ? text : undefined;
}

test('every command of glovebox in a sentence exists, with its options', async t => {
  const spans = documents.flatMap(codeSpansOf).filter(code => /^(npx )?glovebox [a-z]/.test(code));
  t.true(spans.length > 10);
  for (const span of new Set(spans)) {
    const words = span.replace(/^npx /, '').split(' ').slice(1);
    const command = ['cache', 'workspace', 'remote'].includes(words[0]!)
      ? words.slice(0, 2)
      : words.slice(0, 1);
    const help = await helpOf(command);
    t.truthy(help, span);
    const options = words.filter(word => word.startsWith('--'));
    t.deepEqual(
      options.filter(option => !help?.includes(option)),
      [],
      span,
    );
  }
});

test('a link to a folder leads to one', t => {
  const folders = documents.flatMap(linksOf).filter(({ target }) => path.extname(target) === '');
  t.true(folders.length > 5);
  for (const { target } of folders) {
    if (target !== 'LICENSE') t.true(statSync(path.join(ROOT, target)).isDirectory(), target);
  }
});
