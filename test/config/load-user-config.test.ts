import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import anyTest, { type ExecutionContext, type TestFn } from 'ava';
import { ConfigError } from '../../src/config/config-error.ts';
import { MAX_DATA_FILE_BYTES } from '../../src/config/data-file.ts';
import { createUserConfig, loadUserConfig } from '../../src/config/load-user-config.ts';

interface Context {
  root: string;
  /** A project's directory, below directories that belong to the test. */
  project: string;
  /** The user's config directory. */
  user: string;
}

const test = anyTest as TestFn<Context>;

test.beforeEach(async t => {
  const root = await fs.realpath(await fs.mkdtemp(path.join(os.tmpdir(), 'glovebox-config-')));
  t.context = { root, project: path.join(root, 'above', 'project'), user: path.join(root, 'user') };
  await fs.mkdir(t.context.project, { recursive: true });
  await fs.mkdir(t.context.user);
});

test.afterEach.always(t => fs.rm(t.context.root, { recursive: true, force: true }));

function load({ project, user }: Context, file?: string) {
  return loadUserConfig({ directory: project, userDirectory: user, ...(file !== undefined && { file }) });
}

async function write(directory: string, name: string, content: string): Promise<string> {
  const file = path.join(directory, name);
  await fs.writeFile(file, content);
  return file;
}

async function refusal(t: ExecutionContext<Context>, content: string, name = 'glovebox.config.yaml') {
  const file = await write(t.context.project, name, content);
  const error = await t.throwsAsync(load(t.context), { instanceOf: ConfigError }, content.slice(0, 100));
  t.is(error.code, 'GLOVEBOX_CONFIG');
  t.is(error.file, file);
  t.true(error.message.startsWith(file), error.message);
  return error;
}

const EVERYTHING = `
cache:
  directory: store
  enabled: true
  maxSize: 500MB
  timeout: 10s
  policy: least-frequently-used
  ttl: 7d
  tags:
    layout: { enabled: false, maxSize: 1000000, policy: none, ttl: never }
build:
  toolchain: command
  jobs: 2
  output: out
  workspace: ../zmk
  buildFile: ci/corne.yaml
  configPath: keymaps/mine
  fallbackBinary: hex
toolchains:
  west: { environment: [EXTRA] }
  container: { image: 'zmk:4', engine: podman, environment: [] }
  command:
    program: node
    arguments: [build.ts, --board, '{board}', '--name={name}', '{cmake-args}', '']
    inputs: ['config/**']
    artifacts: ['*.uf2']
    version: [node, --version]
    environment: [CC]
    passThrough: []
    observed: inputs.d
`;

test('without any file everything is at its default', async t => {
  t.deepEqual(await load(t.context), { cache: { tags: {} }, build: {}, toolchains: {}, sources: [] });
});

test('every field of a YAML file is read, and the cache directory is made absolute', async t => {
  const file = await write(t.context.project, 'glovebox.config.yaml', EVERYTHING);
  t.deepEqual(await load(t.context), {
    cache: {
      directory: path.join(t.context.project, 'store'),
      enabled: true,
      maxSize: '500MB',
      timeout: '10s',
      policy: 'least-frequently-used',
      ttl: '7d',
      tags: { layout: { enabled: false, maxSize: 1000000, policy: 'none', ttl: 'never' } },
    },
    build: {
      toolchain: 'command',
      jobs: 2,
      output: 'out',
      workspace: path.resolve(t.context.project, '../zmk'),
      buildFile: 'ci/corne.yaml',
      configPath: 'keymaps/mine',
      fallbackBinary: 'hex',
    },
    toolchains: {
      west: { environment: ['EXTRA'] },
      container: { image: 'zmk:4', engine: 'podman', environment: [] },
      command: {
        program: 'node',
        arguments: ['build.ts', '--board', '{board}', '--name={name}', '{cmake-args}', ''],
        inputs: ['config/**'],
        artifacts: ['*.uf2'],
        version: ['node', '--version'],
        environment: ['CC'],
        passThrough: [],
        observed: 'inputs.d',
      },
    },
    sources: [file],
    directory: t.context.project,
  });
});

const forms: [name: string, content: string][] = [
  ['glovebox.config.yaml', 'build: { jobs: 3 }'],
  ['glovebox.config.yml', 'build: { jobs: 3 }'],
  ['glovebox.config.json', '{ "build": { "jobs": 3 } }'],
  ['.gloveboxrc', 'build: { jobs: 3 }'],
  ['.gloveboxrc.yaml', 'build: { jobs: 3 }'],
  ['.gloveboxrc.yml', 'build: { jobs: 3 }'],
  ['.gloveboxrc.json', '{\n\t"build": { "jobs": 3 }\n}'],
  ['package.json', '{ "name": "x", "glovebox": { "build": { "jobs": 3 } } }'],
];
for (const [name, content] of forms) {
  test(`a project can be configured in ${name}`, async t => {
    const file = await write(t.context.project, name, content);
    t.like(await load(t.context), { build: { jobs: 3 }, sources: [file], directory: t.context.project });
  });
}

for (const name of ['config.yaml', 'config.json', 'glovebox.config.yaml']) {
  test(`a user can be configured in ${name} of the user's config directory`, async t => {
    const file = await write(t.context.user, name, '{ "build": { "jobs": 3 } }');
    const config = await load(t.context);
    t.like(config, { build: { jobs: 3 }, sources: [file] });
    t.is(config.directory, undefined);
  });
}

test('the nearest file above counts, and a package.json without the field is skipped', async t => {
  const above = path.dirname(t.context.project);
  await write(path.dirname(above), 'glovebox.config.yaml', 'build: { jobs: 9 }');
  const file = await write(above, 'glovebox.config.json', '{ "build": { "jobs": 3 } }');
  await write(t.context.project, 'package.json', '{ "name": "x" }');
  t.like(await load(t.context), { build: { jobs: 3 }, sources: [file], directory: above });
});

test('a package.json is found above one without the field, and a broken one is ignored', async t => {
  const above = path.dirname(t.context.project);
  const file = await write(above, 'package.json', '{ "glovebox": { "build": { "jobs": 3 } } }');
  await write(t.context.project, 'package.json', '{ broken');
  t.like(await load(t.context), { build: { jobs: 3 }, sources: [file] });
});

test("where project and user both set a field the project's counts, field by field", async t => {
  const user = await write(
    t.context.user,
    'config.yaml',
    `
cache:
  directory: mine
  ttl: 1d
  tags: { layout: { ttl: 2d, policy: none }, metrics: { enabled: false } }
build: { jobs: 2, output: mine }
toolchains: { command: { program: mine, arguments: [], inputs: [a], artifacts: [b], observed: mine.d } }
`,
  );
  const project = await write(
    t.context.project,
    'glovebox.config.yaml',
    `
cache:
  ttl: 3d
  maxSize: 1GB
  tags: { layout: { ttl: 4d } }
build: { jobs: 4 }
toolchains: { command: { program: ours, arguments: [], inputs: [c], artifacts: [d] } }
`,
  );
  t.deepEqual(await load(t.context), {
    cache: {
      directory: path.join(t.context.user, 'mine'),
      ttl: '3d',
      maxSize: '1GB',
      tags: { layout: { ttl: '4d', policy: 'none' }, metrics: { enabled: false } },
    },
    build: { jobs: 4, output: 'mine' },
    // Half of one toolchain and half of another would not work.
    toolchains: { command: { program: 'ours', arguments: [], inputs: ['c'], artifacts: ['d'] } },
    sources: [project, user],
    directory: t.context.project,
  });
});

test('~/ is the home directory', async t => {
  await write(
    t.context.project,
    'glovebox.config.yaml',
    'cache: { directory: ~/gb }\nbuild: { output: ~/out }',
  );
  const config = await load(t.context);
  t.is(config.cache.directory, path.join(os.homedir(), 'gb'));
  t.is(config.build.output, path.join(os.homedir(), 'out'));
});

test('an empty section, or one with only comments, counts as absent', async t => {
  await write(
    t.context.project,
    'glovebox.config.yaml',
    'cache:\n  # ttl: 7d\n  tags:\n    layout:\nbuild:\n  jobs:\n',
  );
  t.like(await load(t.context), { cache: { tags: {} }, build: {} });
  await write(t.context.project, 'glovebox.config.yaml', '# nothing yet\n');
  t.like(await load(t.context), { cache: { tags: {} }, build: {} });
});

test('an explicitly named file replaces the search, and must exist', async t => {
  await write(t.context.project, 'glovebox.config.yaml', 'build: { jobs: 9 }');
  const file = await write(t.context.project, 'other.yaml', 'build: { jobs: 3 }');
  t.like(await load(t.context, file), { build: { jobs: 3 }, sources: [file], directory: t.context.project });
  const absent = path.join(t.context.project, 'absent.yaml');
  const error = await t.throwsAsync(load(t.context, absent), { instanceOf: ConfigError });
  t.is(error.message, `${absent}: there is no such file.`);
  const isDirectory = await t.throwsAsync(load(t.context, t.context.project), { instanceOf: ConfigError });
  t.is(isDirectory.file, t.context.project);
});

test('a config that would have to be executed never is', async t => {
  const evidence = path.join(t.context.project, 'executed');
  const code = `require('node:fs').writeFileSync(${JSON.stringify(evidence)}, '')`;
  const names = [
    'glovebox.config.js',
    'glovebox.config.cjs',
    'glovebox.config.ts',
    '.gloveboxrc.js',
    '.gloveboxrc.cjs',
  ];
  for (const name of names) await write(t.context.project, name, code);
  await fs.mkdir(path.join(t.context.project, '.config'));
  for (const name of ['config.js', 'gloveboxrc.js']) await write(t.context.project, `.config/${name}`, code);
  await write(t.context.user, 'config.js', code);
  t.deepEqual((await load(t.context)).sources, []);
  for (const name of names.filter(name => name.endsWith('s'))) {
    const error = await t.throwsAsync(load(t.context, path.join(t.context.project, name)), {
      instanceOf: ConfigError,
    });
    t.regex(error.message, /would have to be executed.*YAML or JSON/);
  }
  await write(t.context.project, 'glovebox.config.yaml', `build: !!js/function 'function () { ${code} }'`);
  await t.throwsAsync(load(t.context), { instanceOf: ConfigError });
  await write(t.context.project, 'glovebox.config.yaml', '$import: ./glovebox.config.js');
  await t.throwsAsync(load(t.context), { instanceOf: ConfigError });
  await t.throwsAsync(fs.access(evidence), { code: 'ENOENT' });
});

test('an unknown field is refused with file, line, the nearest known field and all allowed ones', async t => {
  const error = await refusal(t, 'build:\n  jobs: 2\ncache:\n  maxsize: 1GB\n');
  t.is(
    error.message,
    `${error.file}:4:3: cache.maxsize is not a field. Did you mean 'maxSize'? ` +
      'Allowed here: directory, timeout, enabled, maxSize, policy, ttl, tags.',
  );
});

test('an unknown field is found at every depth', async t => {
  const error = await refusal(
    t,
    'caches: {}\ncache: { tags: { layout: { tll: 1d } } }\ntoolchains: { comand: {} }',
  );
  t.deepEqual(
    error.problems.map(({ field, line }) => [field, line]),
    [
      ['caches', 1],
      ['cache.tags.layout.tll', 2],
      ['toolchains.comand', 3],
    ],
  );
  t.regex(error.message, /Did you mean 'ttl'\?/);
  t.regex(error.message, /Did you mean 'command'\?/);
  t.regex(
    error.message,
    /Did you mean 'cache'\? Allowed here: cache, build, toolchains, workspaces, remote, agents\./,
  );
});

const COMMAND = 'program: p, arguments: [], inputs: [i], artifacts: [a]';
const wrong: [content: string, field: string, allowed: RegExp][] = [
  ['cache: { enabled: maybe }', 'cache.enabled', /is "maybe", but must be true or false/],
  ['cache: { maxSize: 2XB }', 'cache.maxSize', /is "2XB", but must be .*'2GB'/],
  ['cache: { maxSize: 0 }', 'cache.maxSize', /is 0, but must be .*'2GB'/],
  ['cache: { timeout: soon }', 'cache.timeout', /is "soon", but must be .*'90s'/],
  ['cache: { ttl: -1 }', 'cache.ttl', /is -1, but must be .*'7d'.*'never'/],
  ['cache: { ttl: .nan }', 'cache.ttl', /is NaN, but/],
  ['cache: { policy: lru }', 'cache.policy', /one of least-recently-used, .*, none/],
  ['cache: { directory: 5 }', 'cache.directory', /must be a path/],
  ['cache: { directory: "" }', 'cache.directory', /must be a path/],
  ['cache: { directory: "a\\0b" }', 'cache.directory', /must be a path/],
  ['cache: { tags: [layout] }', 'cache.tags', /must be a map of fields/],
  ['cache: { tags: { "../x": {} } }', 'cache.tags.../x', /cannot be: the name of a tag has letters, digits/],
  ['cache: { tags: { layout: { ttl: x } } }', 'cache.tags.layout.ttl', /is "x"/],
  ['cache: { tags: { layout: 7d } }', 'cache.tags.layout', /must be a map of fields/],
  ['build: { jobs: 0 }', 'build.jobs', /whole number from 1/],
  ['build: { jobs: 1.5 }', 'build.jobs', /whole number from 1/],
  ['build: { jobs: "2" }', 'build.jobs', /is "2", but must be a whole number/],
  ['build: { toolchain: make }', 'build.toolchain', /one of west, container, command/],
  ['build: { workspace: "" }', 'build.workspace', /must be a path/],
  ['build: { buildFile: ../build.yaml }', 'build.buildFile', /a path inside the config directory/],
  ['build: { configPath: ../other }', 'build.configPath', /a path inside the config directory/],
  ['build: { configPath: /etc }', 'build.configPath', /a path inside the config directory/],
  ['build: { configPath: a/../../b }', 'build.configPath', /a path inside the config directory/],
  ['build: { fallbackBinary: .hex }', 'build.fallbackBinary', /an extension without its dot/],
  ['build: { fallbackBinary: a/b }', 'build.fallbackBinary', /an extension without its dot/],
  ['toolchains: { west: { workspace: w } }', 'toolchains.west.workspace', /Allowed here: environment/],
  ['toolchains: { west: { environment: CC } }', 'toolchains.west.environment', /names of env/],
  ['toolchains: { container: { engine: lxc } }', 'toolchains.container.engine', /one of docker, podman/],
  ['build: [1]', 'build', /is \[ 1 \], but must be a map of fields/],
  [
    'toolchains: { command: { program: p } }',
    'toolchains.command.arguments',
    /is missing, and must be a list of texts/,
  ],
  [
    `toolchains: { command: { ${COMMAND}, version: zig } }`,
    'toolchains.command.version',
    /a list: a program/,
  ],
  [
    `toolchains: { command: { ${COMMAND}, environment: [A=b] } }`,
    'toolchains.command.environment',
    /names of env/,
  ],
  [
    'toolchains: { command: { program: p, arguments: [a, 5], inputs: [i], artifacts: [a] } }',
    'toolchains.command.arguments[1]',
    /is 5, but must be a text; put it in quotes/,
  ],
  [
    "toolchains: { command: { program: p, arguments: ['{baord}'], inputs: [i], artifacts: [a] } }",
    'toolchains.command.arguments[0]',
    /\{board\} \{shield\} .*\{cmake-args\} \(not \{baord\}\)/,
  ],
  [
    'toolchains: { command: { program: p, arguments: [], inputs: [], artifacts: [a] } }',
    'toolchains.command.inputs',
    /a list of globs, at least one/,
  ],
];
for (const [content, field, allowed] of wrong) {
  test(`content is refused with field, value and what is allowed: ${content}`, async t => {
    const error = await refusal(t, `# a comment\n${content}`);
    t.is(error.problems[0]!.field, field);
    t.is(error.problems[0]!.line, 2);
    t.regex(error.message, allowed);
    t.true(error.message.includes(field));
  });
}

test('positions are right in JSON and in package.json too', async t => {
  const json = await refusal(t, '{\n  "build": {\n    "jobs": 0\n  }\n}', 'glovebox.config.json');
  t.like(json.problems[0], { field: 'build.jobs', line: 3, column: 5 });
  await fs.rm(json.file!);
  const manifest = await refusal(
    t,
    '{\n  "name": "x",\n  "glovebox": { "build": {\n    "jbos": 0 } }\n}',
    'package.json',
  );
  t.like(manifest.problems[0], { field: 'build.jbos', line: 4, column: 5 });
});

test('all problems of a file are reported at once, up to ten', async t => {
  const two = await refusal(t, 'build:\n  jobs: 0\n  toolchain: x\n');
  t.deepEqual(
    two.message.split('\n').map(line => /:(\d+):3: /.exec(line)?.[1]),
    ['2', '3'],
  );
  const many = Array.from({ length: 50 }, (_, index) => `f${index}: 1`).join('\n');
  t.is((await refusal(t, many)).problems.length, 10);
});

test('malformed YAML and JSON are refused with the line', async t => {
  t.regex(
    (await refusal(t, 'build: {}\n---\ncache: {}\n')).message,
    /yaml:2:1: .* multiple documents, and only one is read/,
  );
  t.regex((await refusal(t, 'build:\n  jobs: 2\n bad: [')).message, /yaml:3:\d+: this is not valid YAML: /);
  await fs.rm(path.join(t.context.project, 'glovebox.config.yaml'));
  t.regex(
    (await refusal(t, '{\n "build": {},\n}', 'glovebox.config.json')).message,
    /json:3:1: this is not valid JSON: /,
  );
  // Valid YAML, but the file name says JSON.
  t.regex((await refusal(t, 'build: {}', 'glovebox.config.json')).message, /this is not valid JSON: /);
});

test('a duplicate field is refused in YAML and in JSON', async t => {
  t.regex((await refusal(t, 'build:\n  jobs: 1\n  jobs: 2\n')).message, /yaml:3:3: jobs is given twice/);
  await fs.rm(path.join(t.context.project, 'glovebox.config.yaml'));
  t.regex(
    (await refusal(t, '{"build": {},\n"build": {}}', 'glovebox.config.json')).message,
    /json:2:1: build is given twice/,
  );
});

test('content that is not a map of fields is refused', async t => {
  for (const content of ['just text', '- a\n- b', '5', 'true', '"{}"']) {
    t.regex((await refusal(t, content)).message, /The content is .*, but must be a map of fields/);
  }
});

test('aliases work, except those that multiply beyond bounds', async t => {
  await write(t.context.project, 'glovebox.config.yaml', 'cache: { ttl: &t 1d, tags: { a: { ttl: *t } } }');
  t.is((await load(t.context)).cache.tags.a?.ttl, '1d');
  const levels = Array.from({ length: 8 }, (_, level) => {
    const items = level === 0 ? 'x, x, x' : `*l${level - 1}, *l${level - 1}, *l${level - 1}, *l${level - 1}`;
    return `l${level}: &l${level} [${items}]`;
  });
  t.regex((await refusal(t, levels.join('\n'))).message, /aliases .* At most 50 are allowed/);
});

test('files that are large or deeply nested are refused, whatever they contain', async t => {
  t.regex(
    (await refusal(t, `#${'x'.repeat(MAX_DATA_FILE_BYTES)}`)).message,
    /has 65537 bytes, but at most 65536/,
  );
  for (const content of ['[', '{a: ', '- ', '? ', '{"a":['].map(part => part.repeat(10_000))) {
    await refusal(t, content.slice(0, MAX_DATA_FILE_BYTES));
  }
  const deep = `{"build":${'['.repeat(30_000)}${']'.repeat(30_000)}}`;
  await fs.rm(path.join(t.context.project, 'glovebox.config.yaml'));
  t.is((await refusal(t, deep, 'glovebox.config.json')).problems[0]!.field, 'build');
});

test('the name __proto__ is refused everywhere, and constructor is an ordinary name', async t => {
  const top = await refusal(t, '__proto__: { cache: { enabled: false } }\nconstructor: {}');
  t.deepEqual(
    top.problems.map(({ field }) => field),
    ['__proto__', 'constructor'],
  );
  await refusal(t, 'cache: { tags: { "__proto__": { enabled: "no" } } }');
  t.is(({} as { enabled?: unknown }).enabled, undefined);
  await write(
    t.context.project,
    'glovebox.config.yaml',
    'cache: { tags: { constructor: { enabled: false } } }',
  );
  t.deepEqual((await load(t.context)).cache.tags, { constructor: { enabled: false } } as object);
});

test('a program can configure everything without files', t => {
  const config = createUserConfig(
    { cache: { directory: 'store', ttl: '7d' }, build: { jobs: 2 } },
    { directory: '/a' },
  );
  t.deepEqual(config, {
    cache: { directory: '/a/store', ttl: '7d', tags: {} },
    build: { jobs: 2 },
    toolchains: {},
    sources: [],
    directory: '/a',
  });
  t.deepEqual(createUserConfig(), { cache: { tags: {} }, build: {}, toolchains: {}, sources: [] });
});

test('a program that configures Glovebox gets the same messages', t => {
  const values = { cache: { tll: '7d' } } as object;
  const error = t.throws(() => createUserConfig(values), { instanceOf: ConfigError });
  t.is(error.code, 'GLOVEBOX_CONFIG');
  t.is(error.file, undefined);
  t.regex(error.message, /^configuration: cache\.tll is not a field\. Did you mean 'ttl'\?/);
});
