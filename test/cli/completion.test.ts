// Shell completion, in the shells that are installed.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { MAIN } from '../support/published.ts';
import { glovebox, runProgram } from './run.ts';
import { temporaryDirectory } from './temporary.ts';

const BASH_COMPLETION = '/usr/share/bash-completion/bash_completion';
const PROGRAM = `'${process.execPath}' '${MAIN}'`;

function isInstalled(program: string): boolean {
  try {
    execFileSync(program, ['-c', 'true'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

async function place(t: ExecutionContext): Promise<string> {
  const directory = await temporaryDirectory(t);
  for (const name of ['corne', 'cradio', '.git']) await mkdir(join(directory, name));
  await writeFile(join(directory, 'cat.keymap'), '');
  return directory;
}

/** The program's answers to the scripts, without descriptions. */
async function answers(words: string[], cwd?: string): Promise<string[]> {
  const { status, stdout } = await glovebox(['complete', '--', ...words], cwd === undefined ? {} : { cwd });
  if (status !== 0) throw new Error(`status ${status}`);
  return stdout
    .trimEnd()
    .split('\n')
    .filter(line => !/^:\d+$/.test(line))
    .map(line => line.split('\t')[0]!);
}

test('commands, options, their values, and directories are completed', async t => {
  const cwd = await place(t);
  t.deepEqual((await answers([''])).sort(), [
    'agent',
    'agents',
    'build',
    'cache',
    'completion',
    'doctor',
    'flash',
    'help',
    'init',
    'layout',
    'remote',
    'watch',
    'workspace',
  ]);
  t.deepEqual(await answers(['cache', 'cl']), ['clear', 'cleanup']);
  t.deepEqual(await answers(['build', '--exp']), ['--explain']);
  t.true((await answers(['cache', 'stats', '--'])).includes('--no-color'));
  t.deepEqual(await answers(['build', '--toolchain', '']), ['west', 'container', 'command']);
  t.deepEqual(await answers(['build', '-t', 'con']), ['container']);
  t.deepEqual(await answers(['build', '--toolchain=w']), ['west']);
  t.deepEqual(await answers(['completion', '']), ['bash', 'zsh', 'fish']);
  t.deepEqual(await answers(['build', 'c'], cwd), ['corne', 'cradio']);
  t.deepEqual(await answers(['layout', 'c'], cwd), ['cat.keymap', 'corne', 'cradio']);
  t.deepEqual(await answers(['build', '--jobs', ''], cwd), []);
  t.deepEqual(await answers(['nonsense', 'x'], cwd), []);
});

test('an unknown shell is wrong usage', async t => {
  const { status, stderr } = await glovebox(['completion', 'zhs']);
  t.is(status, 2);
  t.regex(stderr, /Did you mean 'zsh'\?/);
});

const shell = (name: string, isThere: boolean) =>
  (isThere ? test : test.skip)(`${name} completes`, async t => {
    const cwd = await place(t);
    for (const [line, expected] of [
      ['glovebox bui', 'build'],
      ['glovebox build --expl', '--explain'],
      ['glovebox build --toolchain con', 'container'],
      ['glovebox build cor', 'corne'],
    ] as const) {
      t.is(await COMPLETERS[name]!(line, cwd), expected, line);
    }
  });

const COMPLETERS: Record<string, (line: string, cwd: string) => Promise<string>> = {
  async bash(line, cwd) {
    const words = line.split(' ');
    const script = `
      source ${BASH_COMPLETION}
      glovebox() { ${PROGRAM} "$@"; }
      for twice in 1 2; do source <(glovebox completion bash); done
      COMP_WORDS=(${words.join(' ')}) COMP_CWORD=${words.length - 1} COMP_LINE='${line}' COMP_POINT=${line.length}
      compopt() { :; }
      $(complete -p glovebox | sed 's/.*-F \\([^ ]*\\) .*/\\1/')
      printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout, stderr } = await runProgram('bash', ['--norc', '-c', script], { cwd });
    return stderr + stdout.trim();
  },
  async fish(line, cwd) {
    const script = `
      function glovebox; ${PROGRAM} $argv; end
      glovebox completion fish | source
      complete --do-complete '${line}'`;
    const { stdout, stderr } = await runProgram('fish', ['--no-config', '-c', script], { cwd });
    return stderr + stdout.trim().split('\t')[0]!;
  },
  // zsh completes only on a terminal: the test gives it one, where a key shows the resulting line.
  async zsh(line, cwd) {
    const script = `
      zmodload zsh/zpty
      zpty -b typist zsh -f
      say() { zpty -w typist "$1"; }
      await() {
        local seen= chunk
        local -i tries=0
        while [[ $seen != *$1* ]] && (( tries++ < 600 )); do
          if zpty -r typist chunk; then seen+=$chunk; else sleep 0.05; fi
        done
        print -r -- "$seen"
      }
      say 'PS1=; autoload -Uz compinit; compinit -u -D'
      say 'glovebox() { ${PROGRAM.replaceAll("'", '"')} "$@"; }'
      say 'show() { print -r "GOT""<$BUFFER>" }; zle -N show; bindkey "^X" show'
      say 'source <(glovebox completion zsh); print READY""NOW'
      await READYNOW >/dev/null
      zpty -w -n typist '${line}'$'\\t\\x18'
      await 'GOT<'`;
    const { stdout, stderr } = await runProgram('zsh', ['-f', '-c', script], { cwd });
    return stderr + (/GOT<([^>]*)>/.exec(stdout)?.[1] ?? stdout).trim().split(' ').at(-1)!;
  },
};

shell('bash', isInstalled('bash') && existsSync(BASH_COMPLETION));
shell('zsh', isInstalled('zsh'));
shell('fish', isInstalled('fish'));
