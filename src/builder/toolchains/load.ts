// Makes a toolchain without loading the code of the others: a compiler of one's own needs nothing of Zephyr.
import type { ToolchainDescription } from './index.ts';
import type { ToolchainResources } from './resources.ts';
import type { Toolchain } from './toolchain.ts';

/** Makes the toolchain, as `createToolchain` does. Rejects with what that throws. */
export async function loadToolchain(
  description: ToolchainDescription,
  resources?: ToolchainResources,
): Promise<Toolchain> {
  if (description.kind === 'command') {
    const { createCommandToolchain } = await import('./command.ts');
    return createCommandToolchain(description);
  }
  const { createToolchain } = await import('./index.ts');
  return createToolchain(description, resources);
}
