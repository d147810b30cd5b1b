// Choice of the toolchain: the requested one, else the first that works here. `glovebox build` and `glovebox doctor`
// share it.
import type { ToolchainKind } from '../../config/toolchain-options.ts';
import { GloveboxError } from '../../errors.ts';
import type { ToolchainDescription } from './index.ts';
import type { ToolchainQuery, ToolchainStatus } from './toolchain-status.ts';

/** No toolchain can compile here. */
export class NoToolchainError extends GloveboxError {
  constructor(message: string) {
    super('GLOVEBOX_NO_TOOLCHAIN', message);
  }
}

/** All kinds, in the order in which a build tries them. */
export const TOOLCHAIN_KINDS: readonly ToolchainKind[] = ['command', 'west', 'container'];

/**
 * The toolchain of a build. Rejects with {@link NoToolchainError}, which lists the attempts and the remedies, if the
 * requested one does not work, or none does.
 */
export async function chooseToolchain(query: ToolchainQuery): Promise<ToolchainDescription> {
  const asked = query.toolchain ?? query.userConfig.build.toolchain;
  if (asked !== undefined) {
    const status = await examineToolchain(asked, query);
    if (status.works) return status.description;
    throw new NoToolchainError(
      `The toolchain '${asked}' cannot be used here: ${status.detail}. ${status.remedy}`,
    );
  }
  // A requested workspace must be used, and `command` does not use one.
  const kinds = TOOLCHAIN_KINDS.filter(kind => kind !== 'command' || query.workspace === undefined);
  const looked: string[] = [];
  for (const kind of kinds) {
    const status = await examineToolchain(kind, query);
    if (status.works) return status.description;
    looked.push(`  ${kind}: ${status.detail}. ${status.remedy}`);
  }
  throw new NoToolchainError(`There is no toolchain to compile with. Looked for:\n${looked.join('\n')}`);
}

/** Checks whether a config can be built with a toolchain here. Rejects only if `west.yml` cannot be read. */
export async function examineToolchain(kind: ToolchainKind, query: ToolchainQuery): Promise<ToolchainStatus> {
  return EXAMINERS[kind](query);
}

const EXAMINERS: Record<ToolchainKind, (query: ToolchainQuery) => Promise<ToolchainStatus>> = {
  command: examineCommand,
  // Loaded on demand: a build with its own compiler needs nothing of Zephyr.
  west: async query => (await import('./zephyr/examine.ts')).examineWest(query),
  container: async query => (await import('./zephyr/examine.ts')).examineContainer(query),
};

async function examineCommand(query: ToolchainQuery): Promise<ToolchainStatus> {
  const { userConfig, configDirectory, outputDirectory } = query;
  const { sources, directory, toolchains } = userConfig;
  const options = toolchains.command;
  if (options === undefined) {
    const where =
      sources.length > 0
        ? `there is no toolchains.command in ${sources.join(', ')}`
        : `there is no toolchains.command in a glovebox.config.yaml in ${configDirectory} or above`;
    return {
      kind: 'command',
      works: false,
      detail: where,
      remedy: 'Add it, and name the program that compiles.',
    };
  }
  const place = directory ?? configDirectory;
  return {
    kind: 'command',
    works: true,
    detail: options.program,
    description: { kind: 'command', options, directory: place, configDirectory, outputDirectory },
  };
}
