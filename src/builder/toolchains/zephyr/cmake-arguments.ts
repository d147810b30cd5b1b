// A target's `cmake-args` for a build on this machine. On GitHub they are words of a shell line in a job that checks the
// config's repository out in a certain place; names of that place stand for the repository here.
import type { Target } from '../../matrix/target.ts';
import { splitShellWords } from './shell-words.ts';
import type { ZephyrBuildSpec } from './zephyr-runner.ts';

/** The places that `cmake-args` may name, by the build's paths. */
export type CmakePlaces = Pick<ZephyrBuildSpec, 'repository' | 'config' | 'configPath'>;

/** The directory of a job's checkout in its container: `/__w/<repository>/<repository>` for any repository. */
const CHECKOUT = /(?<![\w./-])\/__w\/([^/\s;:,"']+)\/\1(?=$|[/;:,"'\s])/g;

/**
 * The words of a target's `cmake-args`. `$GITHUB_WORKSPACE`, and the runner's path that it stands for, become the
 * repository. So does a path that is relative to ZMK's application, as Zephyr resolves it, and leads to the keymaps:
 * `../../config/…`, because the workflow has both side by side. Throws `ToolchainError` for text that a shell could not
 * split, or that names another variable.
 */
export function cmakeArguments({ cmakeArgs, artifactName }: Target, places: CmakePlaces): string[] {
  if (cmakeArgs === undefined) return [];
  const variables = { GITHUB_WORKSPACE: places.repository };
  return splitShellWords(cmakeArgs, `cmake-args of ${artifactName}`, variables).map(word =>
    withKeymaps(
      word.replace(CHECKOUT, () => places.repository),
      places,
    ),
  );
}

/** A definition in which paths relative to the application that lead to the keymaps are replaced. */
function withKeymaps(word: string, { config, configPath }: CmakePlaces): string {
  const [, name, values] = /^(-D[^=]+=)(.*)$/s.exec(word) ?? [];
  if (name === undefined || values === undefined) return word;
  const beside = `../../${configPath}`;
  const isKeymaps = (value: string) => value === beside || value.startsWith(`${beside}/`);
  const placed = values
    .split(';')
    .map(value => (isKeymaps(value) ? config + value.slice(beside.length) : value));
  return name + placed.join(';');
}
