// The toolchains there are, made from plain data: a worker thread gets a description and makes its own.
import { type CommandToolchainDescription, createCommandToolchain } from './command.ts';
import {
  type ContainerToolchainDescription,
  createContainerToolchain,
} from './container/container-toolchain.ts';
import type { ToolchainResources } from './resources.ts';
import type { Toolchain } from './toolchain.ts';
import { ToolchainError } from './toolchain-error.ts';
import { createWestToolchain, type WestToolchainDescription } from './west.ts';

export { type CommandToolchainDescription, createCommandToolchain } from './command.ts';
export {
  type ContainerToolchainDescription,
  createContainerToolchain,
} from './container/container-toolchain.ts';
export type { ToolchainResources } from './resources.ts';
export { ToolchainError } from './toolchain-error.ts';
export { createWestToolchain, type WestToolchainDescription } from './west.ts';

/** Everything a toolchain is made of. Structured cloning keeps it as it is. */
export type ToolchainDescription =
  | CommandToolchainDescription
  | WestToolchainDescription
  | ContainerToolchainDescription;

const MAKERS: {
  [Kind in ToolchainDescription['kind']]: (
    description: Extract<ToolchainDescription, { kind: Kind }>,
    resources?: ToolchainResources,
  ) => Toolchain;
} = {
  command: createCommandToolchain,
  west: createWestToolchain,
  container: createContainerToolchain,
};

/** Makes the toolchain. Throws {@link ToolchainError} when there is none of that kind, or it can never work. */
export function createToolchain(
  description: ToolchainDescription,
  resources: ToolchainResources = {},
): Toolchain {
  const make: ((description: never, resources: ToolchainResources) => Toolchain) | undefined = Object.hasOwn(
    MAKERS,
    description.kind,
  )
    ? MAKERS[description.kind]
    : undefined;
  if (make === undefined) {
    throw new ToolchainError(
      `There is no toolchain '${description.kind}'. Available: ${Object.keys(MAKERS).join(', ')}.`,
    );
  }
  return make(description as never, resources);
}
