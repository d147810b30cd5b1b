// Real git repositories, and workspaces made of them as west leaves them.
import { execFile } from 'node:child_process';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { bareEnvironment } from '../../support/bare-environment.ts';
import { freshRepository } from './fresh-repository.ts';

const run = promisify(execFile);

const IDENTITY = {
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  // Otherwise every commit checks whether garbage collection is due.
  GIT_CONFIG_COUNT: '1',
  GIT_CONFIG_KEY_0: 'maintenance.auto',
  GIT_CONFIG_VALUE_0: 'false',
  GIT_AUTHOR_NAME: 'Ada',
  GIT_AUTHOR_EMAIL: 'ada@example.org',
  GIT_COMMITTER_NAME: 'Ada',
  GIT_COMMITTER_EMAIL: 'ada@example.org',
  GIT_AUTHOR_DATE: '2026-01-01T00:00:00Z',
  GIT_COMMITTER_DATE: '2026-01-01T00:00:00Z',
};

/** Runs git, and resolves to its output. */
export async function git(directory: string, ...args: string[]): Promise<string> {
  const { stdout } = await run('git', args, { cwd: directory, env: bareEnvironment(IDENTITY) });
  return stdout.trim();
}

/** Writes files: names to contents. */
export async function write(directory: string, files: Record<string, string>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    const file = path.join(directory, name);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, content);
  }
}

/** Writes files and commits everything; resolves to the commit. */
export async function commit(directory: string, files: Record<string, string>): Promise<string> {
  await write(directory, files);
  return commitAll(directory);
}

/** A repository with one commit, of these files and of the existing ones, if any. */
export async function repository(directory: string, files: Record<string, string>): Promise<string> {
  await mkdir(directory, { recursive: true });
  if ((await readdir(directory)).length === 0) return freshRepository(directory, files);
  await write(directory, files);
  return commitAll(directory, 'git init -q -b main --template= && ');
}

/** One shell, because starting a program costs a process of this size more than the program itself. */
async function commitAll(directory: string, first = ''): Promise<string> {
  const script = `${first}git add -A && exec git -c core.abbrev=40 commit -m 'A change'`;
  const { stdout } = await run('/bin/sh', ['-c', script], { cwd: directory, env: bareEnvironment(IDENTITY) });
  return /^\[.*\b([0-9a-f]{40})\]/.exec(stdout)![1]!;
}

/** A workspace of these projects, each with one commit, as west leaves it. */
export async function workspace(
  directory: string,
  projects: Record<string, Record<string, string>>,
): Promise<void> {
  const names = Object.keys(projects).map(name => `    - {name: ${path.basename(name)}, path: ${name}}`);
  await write(directory, {
    '.west/config': '[manifest]\npath = config\nfile = west.yml\n\n[zephyr]\nbase = zephyr\n',
    'config/west.yml': `manifest:\n  projects:\n${names.join('\n')}\n`,
  });
  for (const [name, files] of Object.entries(projects)) {
    const project = path.join(directory, name);
    const head = `${freshRepository(project, files)}\n`;
    await write(project, { '.git/refs/heads/manifest-rev': head, '.git/HEAD': head });
  }
}
