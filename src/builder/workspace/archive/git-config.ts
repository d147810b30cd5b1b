// Sanitizer of git settings in imported repositories: settings can name programs that git runs by itself.
import { existsSync } from 'node:fs';
import { chmod, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { printed, runGitBatch } from '../git.ts';
import { mapConcurrent } from '../map-concurrent.ts';

/** Settings that a repository needs, and those that name its origin. */
const KEPT =
  /^(?:core\.(?:repositoryformatversion|filemode|bare|symlinks|ignorecase)|extensions\.objectformat|remote\..*\.(?:url|fetch)|submodule\..*\.(?:url|active))$/;

/**
 * Rewrites the settings of every repository in an unpacked workspace so that only harmless ones remain, and removes
 * hooks.
 *
 * @param gitFiles paths below any `.git`, relative to the workspace
 */
export async function keepHarmlessGitConfig(directory: string, gitFiles: readonly string[]): Promise<void> {
  const repositories = new Set<string>();
  for (const file of gitFiles) {
    const place = path.join(directory, path.dirname(file));
    // The criteria by which git recognises a repository; a branch can be called config as well.
    if (['HEAD', 'objects', 'refs'].every(name => existsSync(path.join(place, name))))
      repositories.add(place);
  }
  await mapConcurrent([...repositories], place =>
    rm(path.join(place, 'hooks'), { recursive: true, force: true }),
  );
  const configured = [...repositories].filter(place => existsSync(path.join(place, 'config')));
  // Reads one file by name, so that git runs nothing and includes nothing.
  const commands = ['config --file config --list --null'];
  const answers = await runGitBatch(configured.map(place => ({ directory: place, commands })));
  const lists = answers.map(([list]) => printed(list!));
  await mapConcurrent([...configured.entries()], ([index, place]) =>
    rewrite(path.join(place, 'config'), lists[index]!),
  );
}

/** Rewrites a config file with the permitted settings of `list`, git's own listing of it. */
async function rewrite(file: string, list: string): Promise<void> {
  const lines: string[] = [];
  for (const pair of list.split('\0')) {
    const end = pair.indexOf('\n');
    const key = pair.slice(0, end);
    const [, section, sub, name] = /^([^.]+)(?:\.(.*))?\.([^.]+)$/s.exec(key) ?? [];
    if (end < 0 || !KEPT.test(key) || section === undefined) continue;
    lines.push(
      `[${section}${sub === undefined ? '' : ` ${quote(sub)}`}]`,
      `\t${name} = ${quote(pair.slice(end + 1))}`,
    );
  }
  // A submodule's repository needs the path of its work tree.
  const inner = /^(.*)[/\\]\.git[/\\]modules[/\\](.+)[/\\]config$/s.exec(file);
  if (inner) {
    const worktree = path.relative(path.dirname(file), path.join(inner[1]!, inner[2]!));
    lines.push('[core]', `\tworktree = ${quote(worktree)}`);
  }
  await writeFile(file, `${lines.join('\n')}\n`);
  await chmod(file, 0o644);
}

function quote(value: string): string {
  return `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n').replaceAll('\t', '\\t')}"`;
}
