// The composite action, run step by step as a runner does: its firmware, its caches, and its output to GitHub.
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { createUpstream } from '../builder/workspace/upstream.ts';
import { bareEnvironment } from '../support/bare-environment.ts';
import { MAIN } from '../support/published.ts';
import { evict, type Ran, readAction, runAction } from './runner.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const action = readAction(path.join(ROOT, 'action.yml'));

function program(directory: string, name: string, script: string): void {
  writeFileSync(path.join(directory, name), `#!/bin/sh\n${script}\n`);
  chmodSync(path.join(directory, name), 0o755);
}

/** A repository on GitHub with a ZMK config, and its jobs. */
async function createRepository(t: ExecutionContext) {
  const upstream = await createUpstream(t);
  const { directory, config, env } = upstream;
  cpSync(path.join(ROOT, 'test/package/config'), config, { recursive: true });
  const bin = path.join(directory, 'programs');
  mkdirSync(bin);
  program(bin, 'npx', `shift 2\nexec '${process.execPath}' '${MAIN}' "$@"`);
  const week = (text: string) => program(bin, 'date', `echo ${text}`);
  week('2026-48');
  const service = path.join(directory, 'service');
  const temp = path.join(directory, 'runner');
  let count = 0;
  return {
    ...upstream,
    service,
    week,
    caches: () =>
      existsSync(path.join(service, 'caches')) ? readdirSync(path.join(service, 'caches')).sort() : [],
    artifact: (name = 'firmware') => {
      const place = path.join(service, 'artifacts', String(count), name);
      return existsSync(place) ? readdirSync(place).sort() : undefined;
    },
    /** One job, on a machine without anything of the previous one. */
    async run(inputs: Record<string, string> = {}): Promise<Map<string, Ran>> {
      rmSync(temp, { recursive: true, force: true });
      const steps = await runAction(action, {
        ...{ workspace: config, temp, service, runId: String(++count) },
        inputs: { toolchain: 'command', ...inputs },
        env: { ...bareEnvironment({}), ...env, PATH: `${bin}:${path.dirname(process.execPath)}:${env.PATH}` },
      });
      return new Map(steps.map(ran => [ran.name, ran]));
    },
  };
}

const FIRMWARE = ['tiny_left-tiny-zmk.bin', 'tiny_right-tiny-zmk.bin'];

test.serial(
  'the first run builds everything, the second nothing, and an edit only what it affects',
  async t => {
    const repository = await createRepository(t);
    const first = await repository.run();
    for (const { name, outcome, log } of first.values()) t.is(outcome, 'success', `${name}: ${log}`);
    t.regex(first.get('Make the workspace')!.log, /^Made zmk-main-/m);
    t.deepEqual(repository.artifact(), FIRMWARE);
    t.like(first.get('Build')!.outputs, { compiled: '2', cached: '0', failed: '0' });
    const kept = repository.caches();
    t.is(kept.length, 2);

    const second = await repository.run();
    t.regex(second.get('Make the workspace')!.log, /^There is zmk-main-/m);
    t.deepEqual(repository.artifact(), FIRMWARE);
    t.like(second.get('Build')!.outputs, { compiled: '0', cached: '2' });
    t.is(second.get('Save what was built')!.outcome, 'skipped');
    t.is(second.get('Save the workspace')!.outcome, 'skipped');
    t.deepEqual(repository.caches(), kept, 'what did not change is not kept again');

    writeFileSync(
      path.join(repository.config, 'config/tiny.keymap'),
      '/ { keymap { compatible = "zmk,keymap"; a { bindings = <&kp B>; }; }; };\n',
    );
    const third = await repository.run();
    t.like(third.get('Build')!.outputs, { compiled: '2' });
    t.is(repository.caches().length, 3);
    t.is(third.get('Save the workspace')!.outcome, 'skipped');

    // GitHub evicts the least recently used cache, so an older state remains.
    evict(repository.service, decodeURIComponent(kept.find(name => name.includes('built'))!));
    t.like((await repository.run()).get('Build')!.outputs, { compiled: '0', cached: '2' });
  },
);

test.serial(
  'the workspace is cached even if the build fails, and moving revisions are updated once a week',
  async t => {
    const repository = await createRepository(t);
    const compiler = path.join(repository.config, 'compile.mjs');
    const good = readFileSync(compiler, 'utf8');
    writeFileSync(compiler, "console.log('::error::forged'); process.exit(3);");
    const failed = await repository.run();
    t.is(failed.get('Build')!.outcome, 'failure');
    t.is(failed.get('Upload the firmware')!.outcome, 'skipped');
    t.is(failed.get('Save what was built')!.outcome, 'skipped');
    t.is(repository.artifact(), undefined);
    t.deepEqual(repository.caches().filter(name => name.includes('workspace')).length, 1);

    writeFileSync(compiler, good);
    await repository.push('zmk', { 'app/new.c': 'new\n' });
    const same = await repository.run();
    t.regex(same.get('Make the workspace')!.log, /^There is zmk-main-/m);
    t.deepEqual(repository.artifact(), FIRMWARE);

    repository.week('2026-49');
    const next = await repository.run();
    t.regex(next.get('Make the workspace')!.log, /^Made zmk-main-/m);
    t.is(next.get('Save the workspace')!.outcome, 'success');
    const workspaces = repository.caches().filter(name => name.includes('workspace'));
    t.is(workspaces.length, 2);
    // One replaced the other.
    const newest = path.join(repository.service, 'caches', workspaces[1]!, 'files', repository.directory);
    const made = readdirSync(path.join(newest, 'runner/glovebox/cache/compilation/workspaces/made'));
    t.is(made.filter(name => name.startsWith('zmk-main-')).length, 1, made.join());
  },
);

test.serial(
  "the inputs are the build's options, and a config without west.yml needs no workspace",
  async t => {
    const repository = await createRepository(t);
    const { config } = repository;
    rmSync(path.join(config, 'config/west.yml'));
    cpSync(path.join(config, 'config'), path.join(config, 'keymaps'), { recursive: true });
    writeFileSync(
      path.join(config, 'left.yaml'),
      'include:\n  - { board: tiny, shield: tiny_left, artifact-name: mine }\n',
    );
    const run = await repository.run({
      build_matrix_path: 'left.yaml',
      config_path: 'keymaps',
      archive_name: 'mine',
      fallback_binary: 'hex',
    });
    t.is(run.get('Make the workspace')!.outcome, 'skipped');
    t.is(run.get('Build')!.outcome, 'success', run.get('Build')!.log);
    t.deepEqual(repository.artifact('mine'), ['mine.bin']);
    const settings = readFileSync(
      path.join(repository.directory, 'runner/glovebox/settings/glovebox/config.yaml'),
      'utf8',
    );
    t.regex(settings, /fallbackBinary: "hex", configPath: "keymaps"/);
  },
);
