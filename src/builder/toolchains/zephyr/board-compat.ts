// Check that a board is set up for ZMK, as ZMK's workflow makes it after each build. Zephyr's own `nice_nano` builds, but
// its firmware lacks the bootloader's layout and the settings storage that ZMK needs; `nice_nano//zmk` has them.
import path from 'node:path';
import { isObject } from '../../../cache/values/stored-json.ts';
import { readTextOrEmpty } from '../../../system/text-file.ts';
import { parseCmakeCache } from '../observed/key-values.ts';
import type { PathMap } from '../observed/path-map.ts';

/** Ten times the largest files of builds. */
const MAX_BYTES = 64 * 1024 * 1024;

/** A problem with the board of a firmware. */
export type BoardProblem = { wrong: string } | { warning: string } | undefined;

export interface BoardQuery {
  /** The directory of a successful build. */
  build: string;
  /** ZMK's application. Absolute. */
  application: string;
  /** The board, as in the build matrix. */
  board: string;
  /** Maps the build's paths to those of this machine. */
  pathMap: PathMap;
}

/**
 * The workflow's verdict on the board. It is wrong if ZMK or a module of the workspace has a variant of it for ZMK and
 * the firmware was built without that; without such a variant there is a warning. Undefined if all is well, if this ZMK
 * has no such mark, and if the workflow does not find the board: it finds none with a revision, and none of the config.
 */
export async function examineBoard({
  build,
  application,
  board,
  pathMap,
}: BoardQuery): Promise<BoardProblem> {
  const [config, kconfig, cache] = await Promise.all([
    readTextOrEmpty(path.join(build, 'zephyr/.config'), MAX_BYTES),
    readTextOrEmpty(path.join(application, 'Kconfig'), MAX_BYTES),
    readTextOrEmpty(path.join(build, 'CMakeCache.txt'), MAX_BYTES),
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
  // By exactly that name: `nice_nano@1` is not found.
  if (!own.some(({ name }) => name === plain)) return undefined;
  const variants = own.flatMap(variantsOf).filter(({ name }) => name.includes('zmk'));
  const variant = variants.find(({ name }) => name === 'zmk') ?? variants[0];
  if (variant !== undefined) {
    const socs = own.flatMap(({ socs }) => (Array.isArray(socs) ? socs.filter(isObject) : []));
    // A board with a single chip needs no chip name.
    const chip = socs.length === 1 ? '' : variant.chip;
    const meant = `${plain}/${chip}/${variant.name}`;
    return {
      wrong: `The board '${board}' is not set up for ZMK, and there is a ZMK variant of it: write '${meant}'.`,
    };
  }
  return {
    warning: `The board '${board}' is not marked as set up for ZMK (CONFIG_ZMK_BOARD_COMPAT). Check that it is the right board.`,
  };
}

/** The boards that a `board.yml` describes; none if it cannot be read: then the build would have failed. */
async function descriptionsIn(file: string): Promise<unknown[]> {
  const { parse } = await import('yaml');
  try {
    const content: unknown = parse(await readTextOrEmpty(file, MAX_BYTES), {
      maxAliasCount: 100,
      schema: 'core',
    });
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
