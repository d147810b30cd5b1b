// Toolchain factory. Descriptions are plain data: a worker thread receives one and makes its own toolchain.
import { type CommandToolchainDescription, createCommandToolchain } from './command.ts';
import {
  type ContainerToolchainDescription,
  createContainerToolchain,
} from './container/container-toolchain.ts';
import type { ToolchainResources } from './resources.ts';
import { type Toolchain, ToolchainError } from './toolchain.ts';
import { createWestToolchain, type WestToolchainDescription } from './west.ts';

export { type CommandToolchainDescription, createCommandToolchain } from './command.ts';
export {
  type ContainerToolchainDescription,
  createContainerToolchain,
} from './container/container-toolchain.ts';
export type { ToolchainResources } from './resources.ts';
export { ToolchainError } from './toolchain.ts';
export { createWestToolchain, type WestToolchainDescription } from './west.ts';

/** Description of a toolchain. Survives structured cloning. */
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

/** Makes the toolchain. Throws {@link ToolchainError} if the kind is unknown or the toolchain can never work. */
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
