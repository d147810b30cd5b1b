// Whether a board is set up for ZMK, as ZMK's workflow asks after each build: `nice_nano` of Zephyr itself builds, but its
// firmware has neither the bootloader's layout nor the settings storage that ZMK needs; `nice_nano//zmk` has.
import path from 'node:path';
import { isObject } from '../../../cache/values/stored-json.ts';
import { readTextFile } from '../../../system/text-file.ts';
import { parseCmakeCache } from '../observed/key-values.ts';
import type { PathMap } from '../observed/path-map.ts';

/** Ten times what the largest builds leave. */
const MAX_BYTES = 64 * 1024 * 1024;

/** What is to be said about the board of a firmware. */
export type BoardProblem = { wrong: string } | { warning: string } | undefined;

export interface BoardQuery {
  /** The build directory of a build that succeeded. */
  build: string;
  /** ZMK's application. Absolute. */
  application: string;
  /** The board, as the build matrix has it. */
  board: string;
  /** Where the paths of the build are. */
  pathMap: PathMap;
}

/**
 * What the workflow would say of the board: it is wrong when ZMK, or a module of the workspace, has a variant of it for
 * ZMK and the firmware was built without; a warning when there is none. Undefined when all is well, when this ZMK has no
 * such mark, and when the workflow does not find the board: it knows none by a revision, nor those of the config itself.
 */
export async function examineBoard({
  build,
  application,
  board,
  pathMap,
}: BoardQuery): Promise<BoardProblem> {
  const [config, kconfig, cache] = await Promise.all([
    textOf(path.join(build, 'zephyr/.config')),
    textOf(path.join(application, 'Kconfig')),
    textOf(path.join(build, 'CMakeCache.txt')),
  ]);
  if (/^CONFIG_ZMK_BOARD_COMPAT=y$/m.test(config) || !/^config ZMK_BOARD_COMPAT$/m.test(kconfig))
    return undefined;
  const plain = board.replace(/\/.*$/, '');
  const descriptions: unknown[] = [];
  for (const seen of (parseCmakeCache(cache).get('BOARD_DIRECTORIES') ?? '').split(';')) {
    const directory = seen === '' ? undefined : pathMap.toHost(seen);
    if (directory === undefined || pathMap.classify(directory) === 'config') continue;
    descriptions.push(...(await descriptionsIn(path.join(directory, 'board.yml'))));
  }
  const own = descriptions.filter(isObject).filter(({ name, extend }) => (name ?? extend) === plain);
  // Known by that name and no other: `nice_nano@1` is not.
  if (!own.some(({ name }) => name === plain)) return undefined;
  const variants = own.flatMap(variantsOf).filter(({ name }) => name.includes('zmk'));
  const variant = variants.find(({ name }) => name === 'zmk') ?? variants[0];
  if (variant !== undefined) {
    const socs = own.flatMap(({ socs }) => (Array.isArray(socs) ? socs.filter(isObject) : []));
    // With one chip it need not be named.
    const chip = socs.length === 1 ? '' : variant.chip;
    const meant = `${plain}/${chip}/${variant.name}`;
    return {
      wrong: `The board '${board}' is not set up for ZMK, and there is a ZMK variant of it: write '${meant}'.`,
    };
  }
  return {
    warning: `The board '${board}' does not say that it is set up for ZMK (CONFIG_ZMK_BOARD_COMPAT). Check that it is the right one.`,
  };
}

/** What a `board.yml` says of its boards. One that cannot be read says nothing: the build would have failed. */
async function descriptionsIn(file: string): Promise<unknown[]> {
  const { parse } = await import('yaml');
  try {
    const content: unknown = parse(await textOf(file), { maxAliasCount: 100, schema: 'core' });
    if (!isObject(content)) return [];
    return Array.isArray(content.boards) ? content.boards : [content.board];
  } catch {
    return [];
  }
}

/** All variants of a board, or of an extension of one, however deep, each with its chip. */
function variantsOf(description: Record<string, unknown>): { name: string; chip: string }[] {
  const list = (value: unknown) => (Array.isArray(value) ? value.filter(isObject) : []);
  const below = (node: Record<string, unknown>, chip: string): { name: string; chip: string }[] =>
    list(node.variants).flatMap(variant => {
      const own = String(variant.qualifier ?? chip);
      return [{ name: String(variant.name ?? ''), chip: own }, ...below(variant, own)];
    });
  return [
    ...below(description, ''),
    ...list(description.socs).flatMap(soc => below(soc, String(soc.name ?? ''))),
  ];
}

async function textOf(file: string): Promise<string> {
  return readTextFile(file, MAX_BYTES).catch(() => '');
}
