// Which toolchain compiles: the one that is asked for, else the first that works here. What a build chooses and what
// `glovebox doctor` shows is found out here, in the same way.

import type { Cache } from '../../cache/cache.ts';
import type { ToolchainKind } from '../../config/toolchain-options.ts';
import type { UserConfig } from '../../config/user-config.ts';
import { GloveboxError } from '../../errors.ts';
import type { ToolchainDescription } from './index.ts';

/** What the choice depends on. */
export interface ToolchainQuestion {
  /** What was asked for; goes before the configuration. */
  toolchain?: ToolchainKind | undefined;
  /** The workspace that was asked for; goes before the configuration. Absolute. */
  workspace?: string | undefined;
  userConfig: UserConfig;
  /** The directory with `build.yaml`. Absolute. */
  configDirectory: string;
  /** Where firmware goes. Absolute. */
  outputDirectory: string;
  /** The directory of the caches. Absolute. */
  cacheRoot: string;
  /** Whether anything may be kept there. */
  cache: boolean;
  /** Remembers what programs are. Default: they are asked. */
  memory?: (() => Promise<Cache>) | undefined;
  /** Told, in one sentence, that the image of containers is going to be pulled. Default: the network is not touched. */
  onPull?: ((message: string) => void) | undefined;
  /** Ends the looking. */
  signal?: AbortSignal | undefined;
}

/** One toolchain, and whether the config can be built with it here. */
export type ToolchainFinding = {
  kind: ToolchainKind /** What was found, or what is missing. */;
  detail: string;
} & (
  | { works: true; description: ToolchainDescription }
  | { works: false /** What to do to be able to build with it. */; remedy: string }
);

/** There is nothing to compile with. */
export class NoToolchainError extends GloveboxError {
  constructor(message: string) {
    super('GLOVEBOX_NO_TOOLCHAIN', message);
  }
}

/** All kinds, in the order in which a build tries them. */
export const TOOLCHAIN_KINDS: readonly ToolchainKind[] = ['command', 'west', 'container'];

/**
 * The toolchain of a build. Rejects with {@link NoToolchainError}, which says what was looked for and what to do, when
 * the one that is asked for does not work, or none does.
 */
export async function chooseToolchain(question: ToolchainQuestion): Promise<ToolchainDescription> {
  const asked = question.toolchain ?? question.userConfig.build.toolchain;
  if (asked !== undefined) {
    const finding = await examineToolchain(asked, question);
    if (finding.works) return finding.description;
    throw new NoToolchainError(
      `The toolchain '${asked}' cannot be used here: ${finding.detail}. ${finding.remedy}`,
    );
  }
  // Whoever names a workspace wants it to be used.
  const kinds = TOOLCHAIN_KINDS.filter(kind => kind !== 'command' || question.workspace === undefined);
  const looked: string[] = [];
  for (const kind of kinds) {
    const finding = await examineToolchain(kind, question);
    if (finding.works) return finding.description;
    looked.push(`  ${kind}: ${finding.detail}. ${finding.remedy}`);
  }
  throw new NoToolchainError(`There is no toolchain to compile with. Looked for:\n${looked.join('\n')}`);
}

/** Finds out whether a config can be built with a toolchain here. Rejects only when `west.yml` cannot be read. */
export async function examineToolchain(
  kind: ToolchainKind,
  question: ToolchainQuestion,
): Promise<ToolchainFinding> {
  return EXAMINERS[kind](question);
}

const EXAMINERS: Record<ToolchainKind, (question: ToolchainQuestion) => Promise<ToolchainFinding>> = {
  command: examineCommand,
  // Loaded when one of them is looked for: a build with a compiler of its own needs nothing of Zephyr.
  west: async question => (await import('./zephyr/examine.ts')).examineWest(question),
  container: async question => (await import('./zephyr/examine.ts')).examineContainer(question),
};

async function examineCommand(question: ToolchainQuestion): Promise<ToolchainFinding> {
  const { userConfig, configDirectory, outputDirectory } = question;
  const { sources, directory, toolchains } = userConfig;
  const options = toolchains.command;
  if (options === undefined) {
    const where =
      sources.length > 0
        ? `there is no toolchains.command in ${sources.join(', ')}`
        : `there is no toolchains.command in a glovebox.config.yaml in ${configDirectory} or above`;
    return { kind: 'command', works: false, detail: where, remedy: 'Say there which program compiles.' };
  }
  const place = directory ?? configDirectory;
  return {
    kind: 'command',
    works: true,
    detail: options.program,
    description: { kind: 'command', options, directory: place, configDirectory, outputDirectory },
  };
}
