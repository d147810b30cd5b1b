import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { turnOff } from '../../src/builder/toolchains/incremental-switch.ts';
import { WorkspaceStore, workspaceRoot } from '../../src/builder/workspace/index.ts';
import { addToHistory, REMOTE_HISTORY_TAG, type RemoteCounts } from '../../src/cache/remote/history.ts';
import { generateSigningKey } from '../../src/cache/remote/signing.ts';
import { writeKept } from '../support/kept-builds.ts';
import { publishedLibrary } from '../support/published.ts';
import { glovebox, gloveboxAlone } from './run.ts';
import { temporaryDirectory } from './temporary.ts';

const { createDefaultCache } = await publishedLibrary();

interface Finding {
  name: string;
  status: string;
  detail: string;
  remedy?: string;
}

/** A machine on which nothing is installed except the programs in `bin`. */
async function machine(t: ExecutionContext) {
  const directory = await temporaryDirectory(t);
  const bin = join(directory, 'bin');
  const root = join(directory, 'caches');
  await mkdir(bin);
  const env = { HOME: directory, XDG_CONFIG_HOME: directory, PATH: bin, GLOVEBOX_CACHE_DIR: root };
  const configure = (text: string) => writeFile(join(directory, 'glovebox.config.yaml'), text);
  return {
    directory,
    root,
    env,
    configure,
    /** Installs programs there that print these versions. */
    async installAll(...names: string[]): Promise<void> {
      for (const name of names) {
        await writeFile(join(bin, name), `#!/bin/sh\necho '${name} 1.2.3'\n`, { mode: 0o755 });
      }
    },
    async install(name: string, script: string): Promise<void> {
      await writeFile(join(bin, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    },
    async examine(
      more: Record<string, string> = {},
    ): Promise<{ status: number | null; of: (name: string) => Finding }> {
      const { status, stdout, stderr } = await gloveboxAlone(['doctor', '--json'], {
        cwd: directory,
        env: { ...env, ...more },
      });
      t.is(stderr, '');
      const { ok, findings } = JSON.parse(stdout) as { ok: boolean; findings: Finding[] };
      t.is(ok, status === 0);
      const of = (name: string): Finding =>
        findings.find(finding => finding.name === name) ?? { name, status: 'not looked at', detail: '' };
      return { status, of };
    },
  };
}

const COMMAND = `toolchains:
  command:
    program: compiler
    arguments: []
    inputs: ['config/**']
    artifacts: ['*.uf2']
`;

test.serial('a machine that can build has no problem to report', async t => {
  const { install, configure, examine, root } = await machine(t);
  await install('compiler', 'exit 0');
  await configure(COMMAND);
  const { status, of } = await examine();
  t.is(status, 0);
  t.is(of('Node').detail.split(' ')[0], process.versions.node);
  t.regex(of('SQLite').detail, /^3\.\d+\.\d+/);
  t.is(of('toolchain command').status, 'ok');
  t.true(of('toolchain command').detail.endsWith('/bin/compiler'));
  t.is(of('cache').status, 'ok');
  t.true(of('cache').detail.startsWith(root));
});

/** Makes a west workspace that asks for ZMK and does not have it yet. */
async function initWorkspace(directory: string): Promise<void> {
  await mkdir(join(directory, '.west'));
  await writeFile(join(directory, '.west/config'), '[manifest]\npath = config\n');
  await mkdir(join(directory, 'config'));
  await writeFile(join(directory, 'config/west.yml'), 'manifest: { projects: [{ name: zmk }] }\n');
}

test.serial('on a machine without any toolchain it says what to install', async t => {
  const { examine } = await machine(t);
  const { status, of } = await examine();
  t.is(status, 1);
  for (const name of ['toolchain command', 'toolchain west', 'toolchain container']) {
    t.is(of(name).status, 'absent');
  }
  t.regex(of('toolchain command').remedy ?? '', /glovebox\.config\.yaml/);
  t.is(of('toolchains').status, 'problem');
});

test.serial('west and a workspace together are a toolchain, shown as a build would choose it', async t => {
  const { directory, install, installAll, examine } = await machine(t);
  await install('west', 'echo "West version: v1.2.0"');
  await initWorkspace(directory);
  const incomplete = (await examine()).of('toolchain west');
  t.is(incomplete.status, 'absent');
  t.regex(incomplete.detail, /has no ZMK/);
  t.regex(incomplete.remedy ?? '', /west update/);
  await mkdir(join(directory, 'zmk/app'), { recursive: true });
  await writeFile(join(directory, 'zmk/app/CMakeLists.txt'), '');
  const lacking = (await examine()).of('toolchain west');
  t.regex(lacking.detail, /there is the workspace .*, but no 'cmake' and no 'ninja' in PATH/);
  t.regex(lacking.remedy ?? '', /cmake.*ninja/);
  await installAll('cmake', 'ninja');
  const { of } = await examine();
  t.deepEqual(of('toolchain west'), {
    name: 'toolchain west',
    status: 'ok',
    detail: `West version: v1.2.0, workspace ${directory}`,
  });
});

/** A Python that has these packages, as far as the checks ask for them. */
function python(packages: Record<string, string>): string {
  return `echo '${JSON.stringify({ version: '3.12.1', packages })}'`;
}

test.serial('requirements of west that are missing are found, each with how to install it', async t => {
  const { directory, install, installAll, configure, examine } = await machine(t);
  await configure('build: { toolchain: west }\n');
  const TOOLS = ['cmake', 'ninja', 'dtc', 'compiler', "Python's west", "Python's elftools"];
  const nothing = await examine();
  t.is(nothing.status, 1);
  for (const name of TOOLS) {
    t.is(nothing.of(name).status, name === 'dtc' ? 'warning' : 'problem', name);
    t.regex(nothing.of(name).remedy ?? '', /^Install /, name);
  }
  t.regex(nothing.of('ninja').remedy ?? '', /ninja(?:-build)?/);
  t.is(nothing.of("Python's elftools").remedy, 'Install it: python3 -m pip install pyelftools');

  // The compiler of a distribution is there, and Zephyr does not use it by default.
  await installAll('cmake', 'ninja', 'dtc', 'arm-none-eabi-gcc');
  await install('west', 'echo "West version: v1.2.0"');
  await install('python3', python({ west: '1.2.0' }));
  const some = await examine();
  t.is(some.of('dtc').detail, 'dtc 1.2.3');
  t.is(some.of("Python's west").status, 'ok');
  t.is(some.of("Python's elftools").status, 'problem');
  t.is(some.of('compiler').status, 'problem');
  t.regex(
    some.of('compiler').remedy ?? '',
    /^To use .*\/bin\/arm-none-eabi-gcc: ZEPHYR_TOOLCHAIN_VARIANT=gnuarmemb GNUARMEMB_TOOLCHAIN_PATH=\//,
  );

  await install('python3', python({ west: '1.2.0', pyelftools: '0.31' }));
  const prefix = join(directory, 'usr');
  await mkdir(join(prefix, 'bin'), { recursive: true });
  await writeFile(join(prefix, 'bin/arm-none-eabi-gcc'), '#!/bin/sh\necho gcc 12\n', { mode: 0o755 });
  const chosen = { ZEPHYR_TOOLCHAIN_VARIANT: 'gnuarmemb', GNUARMEMB_TOOLCHAIN_PATH: prefix };
  const all = await examine(chosen);
  for (const name of TOOLS) t.is(all.of(name).status, 'ok', name);
  t.is(all.of('compiler').detail, 'gcc 12');

  const sdk = join(directory, 'zephyr-sdk-0.17.0');
  await mkdir(join(sdk, 'arm-zephyr-eabi/bin'), { recursive: true });
  await writeFile(join(sdk, 'sdk_version'), '0.17.0\n');
  await writeFile(join(sdk, 'arm-zephyr-eabi/bin/arm-zephyr-eabi-gcc'), '#!/bin/sh\necho gcc 12\n', {
    mode: 0o755,
  });
  t.is((await examine()).of('compiler').detail, 'Zephyr SDK 0.17.0');
  t.is(
    (await examine({ ZEPHYR_TOOLCHAIN_VARIANT: 'llvm' })).of('compiler').detail,
    'chosen by ZEPHYR_TOOLCHAIN_VARIANT=llvm',
  );
});

test.serial('missing requirements of west do not matter where another compiler is configured', async t => {
  const { install, configure, examine } = await machine(t);
  await install('compiler', 'exit 0');
  await configure(COMMAND);
  const { status, of } = await examine();
  t.is(status, 0);
  t.is(of('cmake').status, 'not looked at');
});

test.serial('a broken west counts as missing, and is reported', async t => {
  const { directory, install, examine } = await machine(t);
  await initWorkspace(directory);
  await mkdir(join(directory, 'zmk/app'), { recursive: true });
  await writeFile(join(directory, 'zmk/app/CMakeLists.txt'), '');
  await install('west', 'echo "pyenv: west: command not found" >&2; exit 127');
  const { status, detail, remedy } = (await examine()).of('toolchain west');
  t.is(status, 'absent');
  t.regex(detail, /no working 'west' in PATH/);
  t.regex(remedy ?? '', /pipx install west/);
});

test.serial('a configured program that is missing is a problem, named', async t => {
  const { configure, examine } = await machine(t);
  await configure(COMMAND);
  const { status, of } = await examine();
  t.is(status, 1);
  t.is(of('toolchain command').status, 'problem');
  t.regex(of('toolchain command').detail, /'compiler'/);
});

test.serial('the toolchain that the config asks for must exist', async t => {
  const { install, configure, examine } = await machine(t);
  await install('compiler', 'exit 0');
  await configure(`build: { toolchain: west }\n${COMMAND}`);
  const { status, of } = await examine();
  t.is(status, 1);
  t.is(of('toolchain west').status, 'problem');
});

test.serial('the cache directory is measured, and write access of other users is pointed out', async t => {
  const { examine, root } = await machine(t);
  const cache = createDefaultCache({ tag: 'layout', cacheRoot: root });
  t.true(await cache.set('a', 'x'.repeat(2_000)));
  await cache.close();
  t.regex((await examine()).of('cache').detail, /, [\d.]+ (KiB|kiB|MiB|B) in layout$/);
  const workspaces = new WorkspaceStore(workspaceRoot(undefined, root));
  await workspaces.prepare();
  const part = workspaces.newStagingPath('trash');
  await mkdir(join(part, '.west'), { recursive: true });
  await writeFile(join(part, '.west/config'), '');
  await workspaces.publish(part, {
    ...{ name: 'zmk-main-1', kind: 'made', repository: 'zmkfirmware/zmk', revision: 'main', manifests: [] },
    ...{ path: workspaces.pathOf('zmk-main-1'), created: 1, lastUsed: 1, size: 5 * 1024 * 1024 },
  });
  t.regex((await examine()).of('cache').detail, / in layout, 5(\.0)? MiB in 1 workspace$/);
  await chmod(root, 0o777);
  const { status, detail, remedy } = (await examine()).of('cache');
  t.is(status, 'warning');
  t.regex(detail, /mode 777$/);
  t.regex(remedy ?? '', /chmod go-w/);
  // Like /tmp, which the user must not be told to close to others.
  await chmod(root, 0o1777);
  const shared = (await examine()).of('cache');
  t.is(shared.status, 'warning');
  t.regex(shared.remedy ?? '', /Set GLOVEBOX_CACHE_DIR to a directory of your own, such as .*\/glovebox-\d+/);
  t.notRegex(shared.remedy ?? '', /chmod/);
});

test.serial('the remote cache has a line with its hits, misses, stored and refused records', async t => {
  const { examine, root } = await machine(t);
  t.is((await examine()).of('remote cache').status, 'not looked at');
  const env = {
    GLOVEBOX_REMOTE: 'https://user:secret@cache.example.org',
    GLOVEBOX_REMOTE_TRUST: generateSigningKey().publicKey,
  };
  const unused = (await examine(env)).of('remote cache');
  t.like(unused, { status: 'ok', detail: 'https://cache.example.org/ (read), not used yet' });
  const count = async (url: string, more: RemoteCounts) => {
    const cache = createDefaultCache({ tag: REMOTE_HISTORY_TAG, cacheRoot: root });
    await addToHistory(cache, url, more);
    await cache.close();
  };
  const none = { failed: 0, skipped: 0, notStored: 0, bytesReceived: 0, bytesSent: 0 };
  const counts = { ...none, hits: 3, misses: 1, refused: 2, stored: 4 };
  await count('https://cache.example.org/', counts);
  await count('https://other.example.org/', { ...counts, hits: 50 });
  const detail = 'https://cache.example.org/ (read), 3 hits, 1 miss, 4 stored, 2 refused';
  t.like((await examine(env)).of('remote cache'), { status: 'ok', detail });
  await count('https://cache.example.org/', { ...counts, notStored: 5, failed: 1 });
  t.regex((await examine(env)).of('remote cache').detail, /, 4 refused, 5 not stored, 1 failed request$/);
});

test.serial('an unusable remote cache, and one without a key to sign with, is pointed out', async t => {
  const { examine, install, configure } = await machine(t);
  await install('compiler', 'exit 0');
  await configure(COMMAND);
  const env = { GLOVEBOX_REMOTE: 'https://cache.example.org' };
  const untrusting = await examine(env);
  t.is(untrusting.status, 1);
  t.is(untrusting.of('remote cache').status, 'problem');
  t.regex(untrusting.of('remote cache').detail, /remote\.trust is empty/);
  const GLOVEBOX_REMOTE_TRUST = generateSigningKey().publicKey;
  const keyless = await examine({ ...env, GLOVEBOX_REMOTE_TRUST, GLOVEBOX_REMOTE_MODE: 'read-write' });
  t.is(keyless.status, 0);
  t.is(keyless.of('remote cache').status, 'warning');
  t.regex(keyless.of('remote cache').remedy ?? '', /glovebox remote keygen/);
});

test.serial('a disabled cache is pointed out', async t => {
  const { examine } = await machine(t);
  const { status, detail } = (await examine({ GLOVEBOX_CACHE_DISABLED: '1' })).of('cache');
  t.is(status, 'warning');
  t.regex(detail, /^disabled/);
});

test.serial('an unusable cache is pointed out, with the reason', async t => {
  const { examine, root } = await machine(t);
  await mkdir(join(root, 'layout', 'cache.db'), { recursive: true, mode: 0o700 });
  const { status, detail } = (await examine()).of('cache');
  t.is(status, 'warning');
  t.regex(detail, /cannot be used: ./);
});

test.serial(
  'directories of last builds are counted, and turned-off incremental builds are reported',
  async t => {
    const { examine, root } = await machine(t);
    await mkdir(root, { mode: 0o700 });
    writeKept(root, 1, 5 * 1024 ** 2, 10);
    t.regex((await examine()).of('cache').detail, /5 MiB in 1 build directory/);
    t.is((await examine()).of('incremental').status, 'not looked at');
    const file = turnOff(root, 'corne_left differs.');
    const { status, remedy = '' } = (await examine()).of('incremental');
    t.is(status, 'warning');
    t.true(remedy.includes(file));
  },
);

test.serial('an impossible cache directory is pointed out', async t => {
  const { examine, directory } = await machine(t);
  await writeFile(join(directory, 'file'), '');
  const { status, detail } = (await examine({ GLOVEBOX_CACHE_DIR: join(directory, 'file', 'caches') })).of(
    'cache',
  );
  t.is(status, 'warning');
  t.regex(detail, /file is not a directory$/);
});

test.serial('an unusable config is a problem with file and field', async t => {
  const { configure, examine } = await machine(t);
  await configure('cache:\n  maxSize: lots\n');
  const { status, of } = await examine();
  t.is(status, 1);
  t.is(of('config').status, 'problem');
  t.regex(of('config').detail, /glovebox\.config\.yaml.*maxSize/);
});

test.serial('the human-readable report is a list with the remedy below each missing thing', async t => {
  const { directory, env } = await machine(t);
  const { status, stdout } = await glovebox(['doctor'], { cwd: directory, env });
  t.is(status, 1);
  t.regex(stdout, /^✔ Node {2,}\d+/m);
  t.regex(stdout, /^· toolchain command {2,}not configured\n {5,}→ .*glovebox\.config\.yaml/m);
  t.regex(stdout, /^✖ toolchains {2,}no usable toolchain was found on this machine$/m);
  t.is(dirname(env.GLOVEBOX_CACHE_DIR), directory);
});
